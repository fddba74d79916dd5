/*
 * launch_spec.h - what the agent tells a supervisor, and what it hears back.
 *
 * The agent starts one supervisor per container with these descriptors and nothing else:
 *
 *   LAUNCH_FD_SPEC     a memory file that holds the launch specification
 *   LAUNCH_FD_CONTROL  a socket (SOCK_SEQPACKET) to the agent
 *   LAUNCH_FD_CGROUP   the directory of the cgroup for the command's processes; closed if there is none
 *
 * The specification is a header and then records, all in the byte order of the machine:
 *
 *   header  u32 magic, u32 version, u32 length of the whole specification
 *   record  u32 type, u32 length of the payload, payload
 *
 * A text is its bytes and one NUL, which counts as part of the payload; it holds no other NUL. A record of an unknown
 * type, or a single record that comes twice, refuses the launch: agent and supervisor are of one build.
 *
 * On the control socket the process that will become the command says "ready" once everything but the exec is done;
 * the agent reads its pid from the message's credentials, which also works across a pid namespace. The process then
 * waits for one byte. End of file from the agent means that the agent died: nothing is run. After the byte, end of
 * file from the supervisor means that the command runs; a failure is told by a report instead.
 */
#ifndef LAUNCH_SPEC_H
#define LAUNCH_SPEC_H

#include <stdint.h>

#define LAUNCH_SPEC_MAGIC 0x55504554u /* "TEPU" */
#define LAUNCH_SPEC_VERSION 1u
#define LAUNCH_SPEC_LIMIT (16u << 20) /* bytes; more than the kernel takes as arguments and environment */

#define LAUNCH_FD_SPEC 3
#define LAUNCH_FD_CONTROL 4
#define LAUNCH_FD_CGROUP 5

enum launch_record {
  LAUNCH_STATE_DIRECTORY = 1,   /* text: absolute path; the exit record is written there */
  LAUNCH_BOOT_ID = 2,           /* text: goes into the exit record */
  LAUNCH_SANDBOX = 3,           /* text: absolute path; stdout and stderr are opened there */
  LAUNCH_WORKING_DIRECTORY = 4, /* text: absolute path */
  LAUNCH_PROGRAM = 5,           /* text: path, or a name that is looked up in the PATH of the environment */
  LAUNCH_ARGUMENT = 6,          /* text, any number, from the zeroth on */
  LAUNCH_ENVIRONMENT = 7,       /* text "NAME=value", any number */
  LAUNCH_USER = 8,              /* u32 uid, u32 gid, then a u32 for each supplementary group; absent: no switch */
  LAUNCH_NAMESPACES = 9,        /* u32 of TEPUI_NAMESPACE_... bits */
  LAUNCH_RLIMIT = 10,           /* u32 number for setrlimit(2), u64 soft, u64 hard; any number */
  LAUNCH_MOUNT = 11,            /* u32 of LAUNCH_MOUNT_... bits, then four texts: type, source, target, options */
  LAUNCH_PAUSE = 12,            /* empty: the program is not executed; its process waits to be ended */
  LAUNCH_JOIN = 13,             /* u32 of TEPUI_NAMESPACE_... bits, u32 pid: its namespaces are the command's too */
  LAUNCH_HOSTNAME = 14,         /* text */
  LAUNCH_CAPABILITIES = 15,     /* u64 bounding set, u64 what root has after the exec, u64 what others have */
  LAUNCH_NO_NEW_PRIVILEGES = 16, /* no payload */
  LAUNCH_SECCOMP = 17,          /* u32 flags for seccomp(2), then the filter's instructions */
  LAUNCH_ROOT = 18,             /* text: absolute path of the directory that becomes the root; absent: the host's */
  LAUNCH_LINK = 19,             /* two texts: what a symbolic link holds, and where it lies; any number */
  LAUNCH_VISIT = 20,            /* no payload: both outputs go to the sandbox's stderr */
  LAUNCH_OUTPUT = 21,           /* of stdout, then of stderr: u64 bytes that a file may have, u32 older files to keep */
  LAUNCH_READ_ONLY = 22,        /* text: path in the own root of what can't be written; left out if it is missing */
  LAUNCH_HIDDEN = 23,           /* text: path in the own root of what can't be read either; likewise */
};

/* A mount; all but the last as in TEPUI_MOUNT_.... Mounts, links and what is not to be written or read are made in
 * the order of their records, when all that is bound has been found. */
#define LAUNCH_MOUNT_READ_ONLY 1u
#define LAUNCH_MOUNT_BIND 2u
#define LAUNCH_MOUNT_RECURSIVE 4u
#define LAUNCH_MOUNT_NO_SUID 8u
#define LAUNCH_MOUNT_NO_DEVICES 16u
#define LAUNCH_MOUNT_NO_EXECUTE 32u
#define LAUNCH_MOUNT_FROM_SANDBOX 64u /* with BIND: source is relative to the sandbox; made if it is missing */
#define LAUNCH_MOUNT_FOR_ALL 128u     /* with FROM_SANDBOX: a source that is made may be written by all users */
#define LAUNCH_MOUNT_NO_LINKS 256u    /* with BIND: others may write there, so no part of the source may be a link */

/* Where the sandbox is seen in a container with a root of its own. Paths below the sandbox's own path mean it too. */
#define LAUNCH_SANDBOX_IN_ROOT "/mnt/mesos/sandbox"

enum launch_step {
  LAUNCH_STEP_SPAWN = 1,
  LAUNCH_STEP_SPECIFICATION,
  LAUNCH_STEP_STATE,
  LAUNCH_STEP_CGROUP,
  LAUNCH_STEP_NAMESPACES,
  LAUNCH_STEP_MOUNT,
  LAUNCH_STEP_RLIMITS,
  LAUNCH_STEP_SANDBOX,
  LAUNCH_STEP_USER,
  LAUNCH_STEP_WORKING_DIRECTORY,
  LAUNCH_STEP_EXECUTE,
  LAUNCH_STEP_ROOT,
  LAUNCH_STEP_PRIVILEGES,
  LAUNCH_STEP_SECCOMP,
};

/* One message from the supervisor's side. */
struct launch_report {
  uint32_t step; /* 0: ready; else the launch_step that failed */
  int32_t error; /* errno of the failure */
  char detail[240]; /* what the step was about, such as a path; ends with NUL, cut if it is longer */
};

/*
 * The exit record: a text of LAUNCH_EXIT_LENGTH bytes in the state directory. It is written in full as
 * LAUNCH_EXIT_PENDING when the container starts, so that a disk that fills up later cannot keep the status from being
 * stored; it is overwritten in place and then renamed to LAUNCH_EXIT_FILE. The first line says which of these it is, the
 * second is the boot id, the third the status of waitpid(2) in ten digits. A command that got no consent has not run,
 * and has no status.
 */
#define LAUNCH_EXIT_FILE "exit"
#define LAUNCH_EXIT_PENDING "exit.pending"
#define LAUNCH_EXIT_ENDED "ended  \n"
#define LAUNCH_EXIT_RUNNING "running\n"
#define LAUNCH_EXIT_NOT_RUN "not run\n"
#define LAUNCH_EXIT_LENGTH 56 /* 8 + 37 + 11 */

#endif
