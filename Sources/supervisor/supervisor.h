/*
 * supervisor.h - the parts of tepui-supervisor.
 *
 * A supervisor is the parent of one container's command. It lives as long as the container has processes and must
 * weigh next to nothing: static, no stdio, no heap; it works on the specification where the agent wrote it.
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
  uint32_t namespaces;
  uint32_t joined; /* namespaces of another process */
  pid_t joined_pid;
  int pauses;
  uint32_t argument_count;
  uint32_t environment_count;
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

/* Number `index` of the payload as a u32 or u64 at a byte offset; the caller knows that it is inside. */
uint32_t spec_u32(const unsigned char *payload, size_t offset);
uint64_t spec_u64(const unsigned char *payload, size_t offset);

/* Tells the agent about a failure and ends the process. */
_Noreturn void fail(uint32_t step, int error, const char *detail);

/* Tells the agent that only the exec is left and waits for its consent; ends the process if the agent died. */
void await_consent(void);

/* The exit record: reserves its space; writes it, which the init of a pid namespace may do for the supervisor. */
void exit_record_prepare(const struct spec *spec);
void exit_record_write(int wait_status);

/* Enters the namespaces of another container; that of pids is entered by children only. */
void join_namespaces(const struct spec *spec);

/* In the child: gives the process the namespaces and mounts of the specification. */
void enter_namespaces(const struct spec *spec);
void make_mounts(const struct spec *spec);

/* In the child: everything from resource limits to the exec. */
_Noreturn void become_command(const struct spec *spec);

/* Unmaps the program's own pages, most of which were for starting: the few that are needed come back by themselves. */
void shrink(void);

/* Reaps until there is no child left; records how `command` ended. */
void reap_until_empty(pid_t command);

#endif
