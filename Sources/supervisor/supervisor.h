/*
 * supervisor.h - the parts of tepui-supervisor.
 *
 * A supervisor is the parent of one container's command. It lives as long as the container has processes and must
 * weigh next to nothing: static, no C library (kernel.h), no heap; it works on the specification where the agent wrote
 * it.
 */
#ifndef SUPERVISOR_H
#define SUPERVISOR_H

#include "launch_spec.h"

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* A specification that was checked: every text in it ends, every record lies inside. */
struct spec {
  const unsigned char *bytes;
  size_t length;
  const char *state_directory;
  const char *boot_id;
  const char *sandbox;
  const char *working_directory;
  const char *program;
  const char *hostname; /* NULL: as it is */
  const char *root;     /* NULL: the host's */
  uint32_t namespaces;
  uint32_t joined; /* namespaces of another process */
  pid_t joined_pid;
  int pauses;
  int visits;
  uint32_t argument_count;
  uint32_t environment_count;
  uint32_t mount_count;
};

struct record {
  uint32_t type;
  uint32_t length;
  const unsigned char *payload;
};

/* Maps and checks the specification. 0, or an errno with `detail` set. */
int spec_open(int fd, struct spec *spec, const char **detail);
void spec_close(const struct spec *spec);

/* The next record of a type; `offset` begins as 0. NULL payload when there is none left. */
struct record spec_next(const struct spec *spec, uint32_t type, size_t *offset);

/* The only record of a type, or one with a NULL payload. */
struct record spec_only(const struct spec *spec, uint32_t type);

/* The record at an offset, which moves on; a NULL payload at the end. */
struct record spec_step(const struct spec *spec, size_t *offset);

/* Number `index` of the payload as a u32 or u64 at a byte offset; the caller knows that it is inside. */
uint32_t spec_u32(const unsigned char *payload, size_t offset);
uint64_t spec_u64(const unsigned char *payload, size_t offset);

/* Tells the agent about a failure and ends the process. The error may be an errno or the negative of one. */
_Noreturn void fail(uint32_t step, long error, const char *detail);

/* Tells the agent that only the exec is left and waits for its consent; ends the process if the agent died. */
void await_consent(void);

/* Says how likely a victim the calling process is when memory runs out, if it may. */
void set_oom_score(const char *score);

/* The exit record: reserves its space; writes it, which the init of a pid namespace may do for the supervisor. */
void exit_record_prepare(const struct spec *spec);
void exit_record_write(int wait_status);

/* For the command itself, which may be another user by then: it can write what is open, and not rename it. */
void exit_record_not_run(void);

/* Enters the namespaces of another container; that of pids is entered by children only. A visitor's sandbox and outputs
 * are opened before: what lies at a path within may be the doing of those who run there. `proc` is the agent's. */
void join_namespaces(const struct spec *spec, int proc);
void open_sandbox(const struct spec *spec);

/* The clone3(2) flags of the namespaces that a child is born into. */
uint64_t namespace_flags(const struct spec *spec);

/* Whether an error means that the kernel allows no more namespaces. */
int is_namespace_limit(long error);

/* Fails by the namespaces of these clone3(2) flags; names the limit if it was one. */
_Noreturn void fail_by_namespaces(uint64_t flags, long error);

/* In the child: what is left to do about namespaces, and all mounts. The sandbox is `sandbox_fd` afterwards, wherever
 * it is seen. */
void enter_namespaces(const struct spec *spec);
void make_mounts(const struct spec *spec);
extern int sandbox_fd;

/* In the child: everything from resource limits to the exec. Is given a struct spec. */
void become_command(void *spec);

/* After the exec: frees what a command in shared memory left there. */
void let_go_of_call(void);

/* Closes and unmaps what only starting the command needs. Most pages of the program were for starting too; the few that
 * are needed come back by themselves. */
void let_go(const struct spec *spec);

/* Around the switch of the user: what has to be done before, after, and as the last of all. */
void limit_capabilities(const struct spec *spec);
void take_capabilities(const struct spec *spec);
void filter_system_calls(const struct spec *spec);

#endif
