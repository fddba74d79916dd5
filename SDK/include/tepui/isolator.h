/*
 * tepui/isolator.h - one concern of containment.
 *
 * An isolator is a planner. Before a container is launched, and again when its resources change, the agent asks every
 * active isolator what the container should look like: keys of its cgroup, environment, resource limits, namespaces,
 * mounts, and what to watch. The agent merges the plans, refuses what is not allowed and names both isolators when two
 * of them claim one field, and then does the deed itself. So an isolator needs no privileges and touches nothing.
 *
 * What must act by itself is an extension: usage (numbers for monitoring) and lifecycle (before the launch, after it,
 * and when all is over).
 */
#ifndef TEPUI_ISOLATOR_H
#define TEPUI_ISOLATOR_H

#include "module.h"

#ifdef __cplusplus
extern "C" {
#endif

/* An amount without bound. */
#define TEPUI_UNLIMITED INT64_MAX

/* The machine that the agent runs on. Handed to create; borrowed until it returns. */
typedef struct tepui_node {
  uint32_t size;
  uint32_t controller_count;
  int64_t cpus;         /* CPUs that are online, in thousandths */
  int64_t memory_bytes; /* of the machine */
  const tepui_text *controllers; /* of cgroup v2 that the agent can hand to containers: "cpu", "memory", "pids", ... */
} tepui_node;

typedef struct tepui_amount {
  uint32_t size;
  tepui_text name;        /* "cpus", "mem", ... */
  int64_t value;          /* thousandths of the resource's unit, or TEPUI_UNLIMITED */
} tepui_amount;

#define TEPUI_CONTAINER_COMMAND_TASK 1u /* runs one command, without an executor of the framework's own */
#define TEPUI_CONTAINER_RUNNING 2u      /* runs already: this is a change of its resources, not a launch */
#define TEPUI_CONTAINER_POD 4u          /* runs nothing itself, but holds the containers of a group's tasks together */
#define TEPUI_CONTAINER_SHARES_LIMITS 8u /* within a pod whose cgroup alone limits it: cgroup keys and watches of a plan
                                          * are left out */
#define TEPUI_CONTAINER_OWN_ROOT 16u    /* has a root file system of its own: targets of mounts lie in that */
/* What the task asks for beside resources (ContainerInfo.linux_info of Mesos); whether it gets that is for isolators
 * to say. What is asked for and planned by no isolator fails the launch. */
#define TEPUI_CONTAINER_ASKS_EFFECTIVE 32u   /* `effective_capabilities` is set */
#define TEPUI_CONTAINER_ASKS_BOUNDING 64u    /* `bounding_capabilities` is set */
#define TEPUI_CONTAINER_ASKS_UNCONFINED 128u /* no filter of system calls */
#define TEPUI_CONTAINER_ASKS_HOST_PID 256u   /* the agent's pid namespace */
#define TEPUI_CONTAINER_ASKS_HOST_IPC 512u   /* the agent's ipc namespace */

/* A container that is to be launched, or that runs. */
typedef struct tepui_container {
  uint32_t size;
  uint32_t flags; /* TEPUI_CONTAINER_... */
  tepui_text id;
  tepui_text framework;
  tepui_text executor; /* for a command task the task's id */
  tepui_text role;
  tepui_text user;    /* that the command runs as */
  tepui_text sandbox; /* absolute path of the working directory on the host */
  const tepui_amount *requests; /* what the container is entitled to: its scalar resources */
  const tepui_amount *limits;   /* what it may burst to; only resources that have a limit of their own */
  uint32_t request_count;
  uint32_t limit_count;
  int64_t pid; /* of the first process; 0 before the launch */
  tepui_text parent; /* id of the pod's container that it runs in; empty for most. It is in the network, ipc and uts
                      * namespaces of the pod unless the plan asks for some of its own. */
  uint64_t effective_capabilities; /* sets of capabilities: bit 1 << CAP_... as capabilities(7) numbers them */
  uint64_t bounding_capabilities;
  int64_t shm_bytes;          /* size that is asked for of /dev/shm; 0: none */
  tepui_text hostname;        /* that is asked for, or empty */
  tepui_text seccomp_profile; /* name of the one that is asked for, or empty */
} tepui_container;

/* The request for a resource, or `otherwise` if there is none. */
static inline int64_t tepui_requested(const tepui_container *container, const char *name, int64_t otherwise) {
  for (uint32_t i = 0; i < container->request_count; i++) {
    const tepui_amount *amount = TEPUI_AT(tepui_amount, container->requests, i);
    if (tepui_text_is(amount->name, name)) return amount->value;
  }
  return otherwise;
}

/* The limit of a resource, or `otherwise` if it has none of its own. */
static inline int64_t tepui_limit(const tepui_container *container, const char *name, int64_t otherwise) {
  for (uint32_t i = 0; i < container->limit_count; i++) {
    const tepui_amount *amount = TEPUI_AT(tepui_amount, container->limits, i);
    if (tepui_text_is(amount->name, name)) return amount->value;
  }
  return otherwise;
}

/* Namespaces that a container gets of its own. */
#define TEPUI_NAMESPACE_MOUNT 1u
#define TEPUI_NAMESPACE_PID 2u
#define TEPUI_NAMESPACE_IPC 4u
#define TEPUI_NAMESPACE_UTS 8u
#define TEPUI_NAMESPACE_NETWORK 16u
#define TEPUI_NAMESPACE_CGROUP 32u

#define TEPUI_MOUNT_READ_ONLY 1u
#define TEPUI_MOUNT_BIND 2u      /* source is a path on the host; type is empty */
#define TEPUI_MOUNT_RECURSIVE 4u /* with BIND: mounts below the source come along */
#define TEPUI_MOUNT_NO_SUID 8u
#define TEPUI_MOUNT_NO_DEVICES 16u
#define TEPUI_MOUNT_NO_EXECUTE 32u
#define TEPUI_MOUNT_FROM_SANDBOX 64u /* with BIND: source is relative to the sandbox; a directory is made if missing */
#define TEPUI_MOUNT_FOR_ALL 128u     /* with FROM_SANDBOX: what is made may be written by all users, as /tmp */

/* A mount inside the container; needs TEPUI_NAMESPACE_MOUNT from this or another isolator. */
typedef struct tepui_mount {
  uint32_t size;
  uint32_t flags;    /* TEPUI_MOUNT_... */
  tepui_text type;   /* "tmpfs", "proc", ... */
  tepui_text source;
  tepui_text target; /* absolute; made if it is missing below the sandbox or in an own root, else it must exist */
  tepui_text options; /* for the file system: "size=64m,mode=1777" */
} tepui_mount;

/* Reasons for which a container is ended when a watched number rises. */
#define TEPUI_LIMITATION_MEMORY 0 /* REASON_CONTAINER_LIMITATION_MEMORY */
#define TEPUI_LIMITATION_DISK 1   /* REASON_CONTAINER_LIMITATION_DISK */
#define TEPUI_LIMITATION_OTHER 2  /* REASON_CONTAINER_LIMITATION */
#define TEPUI_LIMITATION_NONE 3   /* nothing is ended: the number is told in the final status of the container's tasks */

/* A number in a file of the container's cgroup that must not rise, such as oom_kill in memory.events. When it does, the
 * container is destroyed and its tasks fail with the reason. */
typedef struct tepui_watch {
  uint32_t size;
  uint32_t limitation; /* TEPUI_LIMITATION_... */
  tepui_text file;     /* "memory.events" */
  tepui_text key;      /* "oom_kill" */
  tepui_text resource; /* "mem": told as the limited resource */
  tepui_text limit_file; /* whose content is the limit, for the message: "memory.max"; may be empty */
  tepui_text peak_file;  /* whose content is the highest use, likewise: "memory.peak"; may be empty */
  /* A second number that must be above zero as well, else the rise came from another group's limit and ends nothing:
   * "oom" in "memory.events.local" says that it was this group's. May be empty; a file that the kernel has not got
   * is taken as a yes. */
  tepui_text cause_file;
  tepui_text cause_key;
  tepui_text pressure_file; /* of pressure stall information, told likewise: "memory.pressure"; may be empty */
  int64_t least;            /* the number counts from here on; 0 means 1 */
} tepui_watch;

#define TEPUI_DEVICE_READ 1u
#define TEPUI_DEVICE_WRITE 2u
#define TEPUI_DEVICE_MAKE 4u /* mknod(2) */

#define TEPUI_DEVICE_CHARACTER 0
#define TEPUI_DEVICE_BLOCK 1

/* Devices that a container may use. */
typedef struct tepui_device {
  uint32_t size;
  uint32_t access; /* TEPUI_DEVICE_... flags */
  uint32_t kind;   /* TEPUI_DEVICE_CHARACTER or TEPUI_DEVICE_BLOCK */
  int64_t major;   /* -1 for any */
  int64_t minor;   /* likewise */
} tepui_device;

#define TEPUI_DISK_ENFORCE 1u /* over its limit, the container ends with TEPUI_LIMITATION_DISK; else it is measured only */

/* A directory whose use of disk the agent measures every now and then: blocks of files, without following links or
 * entering other file systems. Reported as disk_used_bytes and disk_limit_bytes. */
typedef struct tepui_disk {
  uint32_t size;
  uint32_t flags;      /* TEPUI_DISK_... */
  tepui_text path;     /* absolute, such as the container's sandbox */
  int64_t limit_bytes; /* or TEPUI_UNLIMITED */
  int64_t interval_ns; /* between measurements */
} tepui_disk;

/*
 * Where a plan goes. All functions copy at once and answer TEPUI_OK, or TEPUI_INVALID for what is never allowed (a file
 * name with a '/', a controller that the agent does not have, a launch-only field for a running container). The agent
 * refuses the whole plan then, with the module's name; so there is no need to look at the answer.
 */
typedef struct tepui_plan_sink {
  uint32_t size;
  void *context;

  /* [worker] Write `value` to `file` in the container's cgroup: "memory.max", "67108864". */
  tepui_status (*cgroup)(void *context, tepui_text file, tepui_text value);

  /* [worker] Count a number; also for a running container. */
  tepui_status (*watch)(void *context, const tepui_watch *watch);

  /* [worker] Set an environment variable. The framework's own variables win over it. Launch only. */
  tepui_status (*environment)(void *context, tepui_text name, tepui_text value);

  /* [worker] Set a resource limit of setrlimit(2), named in lower case without its prefix: "nofile". UINT64_MAX is no
   * limit. Launch only. */
  tepui_status (*rlimit)(void *context, tepui_text name, uint64_t soft, uint64_t hard);

  /* [worker] Ask for TEPUI_NAMESPACE_... flags. Several isolators may ask for the same. Launch only. */
  tepui_status (*namespaces)(void *context, uint32_t flags);

  /* [worker] Add a mount. Mounts are made in the order of the isolators and of the calls; no source lies in another
   * mount of them. Launch only. */
  tepui_status (*mount)(void *context, const tepui_mount *mount);

  /* [worker] As cgroup, but left out where the kernel has no such file: for wishes that hold then anyway, such as no swap
   * on a kernel without swap. */
  tepui_status (*cgroup_if_present)(void *context, tepui_text file, tepui_text value);

  /* [worker] Allow a device. From the first on, every device that no isolator allows is denied. Launch only. */
  tepui_status (*device)(void *context, const tepui_device *device);

  /* [worker] Measure a directory; also for a running container. Only one isolator may. */
  tepui_status (*disk)(void *context, const tepui_disk *disk);

  /* [worker] Name the host; needs TEPUI_NAMESPACE_UTS from this or another isolator. At most 64 bytes. Launch only. */
  tepui_status (*hostname)(void *context, tepui_text name);

  /* [worker] Set the capabilities that the command has after its exec, whoever runs it: `of_root` if that is root,
   * `of_others` if it is anybody else. Neither may hold what `bounding` does not, which is the most that a process of the
   * container can ever gain, by a set-user-id program for instance. Bits as in tepui_container. Launch only. */
  tepui_status (*capabilities)(void *context, uint64_t bounding, uint64_t of_root, uint64_t of_others);

  /* [worker] Let no exec give privileges (no_new_privs). Several isolators may ask for it. Launch only. */
  tepui_status (*no_new_privileges)(void *context);

  /* [worker] Filter system calls: `length` bytes of struct sock_filter, at most 4096 of them, that are installed right
   * before the exec. `flags` are those of seccomp(2)'s SECCOMP_SET_MODE_FILTER; 0, SECCOMP_FILTER_FLAG_LOG (2) and
   * SECCOMP_FILTER_FLAG_SPEC_ALLOW (4) are allowed. Launch only. */
  tepui_status (*seccomp)(void *context, const void *filter, uint64_t length, uint32_t flags);
} tepui_plan_sink;

/* The table behind TEPUI_ISOLATOR_1. */
typedef struct tepui_isolator {
  uint32_t size;

  /* [start] Makes an instance. A status other than TEPUI_OK keeps the agent from starting: this is the place to say
   * that a controller is missing. `host` lives as long as the instance, all else until create returns. */
  tepui_status (*create)(const tepui_host *host, const tepui_node *node, const tepui_parameter *parameters,
                         uint32_t parameter_count, void **instance, tepui_error *error);

  /* [worker] Ends an instance. */
  void (*destroy)(void *instance);

  /* [worker] What the container should look like. A status other than TEPUI_OK fails the launch with the text, or
   * leaves a running container as it is. */
  tepui_status (*plan)(void *instance, const tepui_container *container, const tepui_plan_sink *sink,
                       tepui_error *error);
} tepui_isolator;

/* ---- Extension: usage ---------------------------------------------------------------------------------------- */

#define TEPUI_ISOLATOR_USAGE_1 "tepui.isolator.usage/1"

typedef struct tepui_usage_sink {
  uint32_t size;
  void *context;

  /* [worker] Reads a file of the container's cgroup into `buffer`. `length` gets the number of bytes; what does not fit
   * is cut. TEPUI_UNSUPPORTED if the container has no cgroup or no such file. "cgroup.procs" and "cgroup.threads" list
   * what the container runs, without the agent's own process in it. */
  tepui_status (*read)(void *context, tepui_text file, char *buffer, uint64_t capacity, uint64_t *length);

  /* [worker] Reports a number under a field name of Mesos' ResourceStatistics: "cpus_user_time_secs" in seconds,
   * "mem_rss_bytes" in bytes. "blkio_statistics/8:0/io_serviced/READ" is a number of a device. */
  tepui_status (*statistic)(void *context, tepui_text field, double value);
} tepui_usage_sink;

typedef struct tepui_isolator_usage {
  uint32_t size;

  /* [worker] Measures a running container. */
  tepui_status (*usage)(void *instance, const tepui_container *container, const tepui_usage_sink *sink,
                        tepui_error *error);
} tepui_isolator_usage;

/* ---- Extension: lifecycle ------------------------------------------------------------------------------------ */

#define TEPUI_ISOLATOR_LIFECYCLE_1 "tepui.isolator.lifecycle/1"

/* For what a plan cannot say. Every function may be NULL. */
typedef struct tepui_isolator_lifecycle {
  uint32_t size;

  /* [worker] Before the launch, after all plans were accepted. A failure fails the launch. */
  tepui_status (*prepare)(void *instance, const tepui_container *container, tepui_error *error);

  /* [worker] The first process exists but has not begun the container's command. A failure fails the launch. */
  tepui_status (*isolate)(void *instance, const tepui_container *container, tepui_error *error);

  /* [worker] The agent restarted and found this container running. */
  tepui_status (*recover)(void *instance, const tepui_container *container, tepui_error *error);

  /* [worker] No process of the container is left. Called once for each prepare or recover, also after a failure. */
  tepui_status (*cleanup)(void *instance, const tepui_container *container, tepui_error *error);
} tepui_isolator_lifecycle;

#ifdef __cplusplus
}
#endif
#endif
