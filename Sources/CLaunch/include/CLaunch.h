/*
 * CLaunch.h - what Containment needs of the kernel and Swift cannot say: a process made by clone3 without copying the
 * agent's memory, and a few constants and structures that the Glibc module does not show.
 */
#ifndef CLAUNCH_H
#define CLAUNCH_H

#include "launch_spec.h"

#include <stdint.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/types.h>
#include <sys/xattr.h>

/* A supervisor that is to be started. All descriptors stay the caller's. */
struct launch_request {
  const char *program;
  char *const *arguments;
  int spec_fd;
  int control_fd;
  int leaf_cgroup_fd; /* becomes LAUNCH_FD_CGROUP; -1 for none */
  int cgroup_fd;      /* that the supervisor is born in; -1 for the caller's own */
};

struct launch_result {
  pid_t pid;
  int pidfd; /* the caller's to close */
  int step;  /* launch_step that failed */
  int error; /* errno; 0 for success */
};

/* Starts a supervisor. Any thread; blocks until the exec, some 0.3 ms however large the caller is. Answers 0 or -1. */
int launch_supervisor(const struct launch_request *request, struct launch_result *result);

/* The same without clone3 and shared memory: what launch_supervisor falls back to. Apart for tests. */
int launch_supervisor_by_fork(const struct launch_request *request, struct launch_result *result);

/* Names the calling thread for top(1) and debuggers; at most 15 bytes. */
void launch_name_thread(const char *name);

/* A pidfd with close-on-exec, or -1 and errno. */
int launch_pidfd_open(pid_t pid);

/* 0, or -1 and errno. */
int launch_pidfd_signal(int pidfd, int signal);

/* Reaps an ended child. 1: reaped, `status` is as of waitpid; 0: runs still; -1: not a child of ours. */
int launch_pidfd_reap(int pidfd, int *status);

/* A memory file with this content and close-on-exec, or -1 and errno. */
int launch_memory_file(const char *name, const void *content, size_t length);

/* Both ends of a SOCK_SEQPACKET pair, close-on-exec; the first end is non-blocking and gets credentials. 0, or -1. */
int launch_control_pair(int ends[2]);

#define LAUNCH_DEVICE_READ 1u /* as TEPUI_DEVICE_... */
#define LAUNCH_DEVICE_WRITE 2u
#define LAUNCH_DEVICE_MAKE 4u

struct launch_device {
  int is_block; /* else a character device */
  uint32_t access; /* LAUNCH_DEVICE_... */
  int64_t major, minor; /* -1 for any */
};

/* Denies the processes of a cgroup and those below it all devices but these. 0, or -1 and errno. */
int launch_allow_devices(int cgroup_fd, const struct launch_device *rules, size_t rule_count);

/* A non-blocking TCP socket in the network namespace of a descriptor, or -1 and errno. Any thread. */
int launch_socket(int network_fd, int is_ipv6);

/* A directory that a running container is to see below its sandbox. */
struct launch_binding {
  int namespace_fd;    /* of the container's mounts */
  int root_fd;         /* the container's root */
  const char *source;  /* absolute, as the caller sees it */
  const char *sandbox; /* absolute, as the container sees it */
  const char *path;    /* below the sandbox: without "..", and no part may be a link; directories that are missing are made */
  uid_t user;          /* of what is made */
  gid_t group;
};

/* Mounts it, unless it is there already. 0, or an errno. Any thread; blocks. */
int launch_bind(const struct launch_binding *wanted);

/* Reads one report and its sender's pid. 1: got one; 0: end of file; -1: errno (EAGAIN: nothing yet). */
int launch_control_receive(int control_fd, struct launch_report *report, pid_t *sender);

#endif
