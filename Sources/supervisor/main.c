/*
 * tepui-supervisor - the parent of one container's command. See launch_spec.h for what it is told and answers.
 *
 * It is started by the agent only, and outlives it: when the agent dies, the command runs on and its exit status waits
 * in the state directory. Processes that the command leaves behind become children of the supervisor, which so holds
 * the container's processes together where no cgroup does; killing them is the agent's part. It ends with the last.
 */
#define _GNU_SOURCE
#include "supervisor.h"

#include "kernel.h"
#include "launch_clone3.h"
#include "output.h"
#include "text.h"

#include <fcntl.h>
#include <linux/sched.h>
#include <linux/wait.h>
#include <signal.h>
#include <stdalign.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#define NAMESPACE_PID 2u /* TEPUI_NAMESPACE_PID */

/* Looked at before anything is opened: a descriptor of that number may be another's later. */
static int has_cgroup;

/* The agent's: what a container has at /proc its framework may have put there. */
static int proc_fd = -1;

/* As shells say it: the command could not be run. */
#define EXIT_NOT_RUN 127

/* The command's until its exec, while its parent waits. */
static alignas(4096) unsigned char command_stack[65536];

static void send_report(uint32_t step, long error, const char *detail) {
  struct launch_report report = {.step = step, .error = (int32_t)(error < 0 ? -error : error)};
  text_append(report.detail, report.detail, sizeof report.detail, detail);
  KERNEL(sendto, LAUNCH_FD_CONTROL, &report, sizeof report, MSG_NOSIGNAL, NULL, 0);
}

static _Noreturn void end(int status) {
  for (;;) KERNEL(exit_group, status);
}

_Noreturn void fail(uint32_t step, long error, const char *detail) {
  send_report(step, error, detail);
  end(EXIT_NOT_RUN);
}

void await_consent(void) {
  send_report(0, 0, "");
  char consent;
  long got;
  do got = KERNEL(recvfrom, LAUNCH_FD_CONTROL, &consent, 1, 0, NULL, NULL);
  while (got == -EINTR);
  if (got == 1) return;
  exit_record_not_run();
  end(EXIT_NOT_RUN);
}

void set_oom_score(const char *score) {
  int file = open_at(proc_fd, "self/oom_score_adj", O_WRONLY, 0);
  if (file < 0) return;
  KERNEL(write, file, score, text_length(score));
  close_fd(file);
}

/* Ends with the last child only, so nothing that is sent to a whole session or system may end it before. */
static void protect(void) {
  static const unsigned long all = ~0ul, by_default[8]; /* struct sigaction as the kernel has it; SIG_DFL is 0 */
  KERNEL(rt_sigprocmask, SIG_SETMASK, &all, NULL, SIGNAL_SET_SIZE);
  /* An ignored SIGCHLD, inherited, would lose the exit status. */
  KERNEL(rt_sigaction, SIGCHLD, by_default, NULL, SIGNAL_SET_SIZE);
  KERNEL(setsid, 0);
  KERNEL(prctl, PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
  /* Needs privilege; an unprivileged agent's supervisor is small enough to be an unlikely victim. */
  set_oom_score("-1000");
}

/* With WNOHANG the pid is 0 while all children run. */
static int wait_for_child(long *pid, int flags) {
  int status = 0;
  do *pid = KERNEL(wait4, -1, &status, __WALL | flags, NULL);
  while (*pid == -EINTR);
  return status;
}

/* Reaps until there is no child left; records how `command` ended. */
static void reap_until_empty(long command) {
  for (long pid = 0; pid >= 0;) {
    if (pid == 0) output_move_until_child_ends();
    int status = wait_for_child(&pid, output_is_bounded() ? WNOHANG : 0);
    if (pid == command) exit_record_write(status);
  }
  output_move_rest();
}

static void enter_cgroup(void) {
  int procs = open_at(LAUNCH_FD_CGROUP, "cgroup.procs", O_WRONLY, 0);
  long written = procs < 0 ? procs : KERNEL(write, procs, "0", 1);
  if (written < 0) fail(LAUNCH_STEP_CGROUP, written, "cgroup.procs");
  close_fd(procs);
}

/* The kernel's ways to say that it does not know a call or a flag of ours. */
static int is_unknown(long error) { return error == -ENOSYS || error == -EINVAL || error == -E2BIG; }

/* Before Linux 5.7, and where clone3 is filtered out. */
static long spawn_by_clone(uint64_t namespaces, int into_cgroup, void (*body)(void *), void *context) {
  long pid = KERNEL(clone, namespaces | SIGCHLD, 0, 0, 0, 0);
  if (pid != 0) return pid;
  if (into_cgroup) enter_cgroup();
  body(context);
  end(EXIT_NOT_RUN);
}

/*
 * Makes a child with a copy of the memory, or with the same memory on a stack of its own: then its parent waits for its
 * exec, and nothing is copied; what pauses has none. Answers its pid.
 */
static long spawn(
    uint64_t namespaces, int shares_memory, int into_cgroup, void (*body)(void *), void *context) {
  struct clone_args arguments = {.flags = namespaces, .exit_signal = SIGCHLD};
  if (shares_memory) {
    arguments.flags |= CLONE_VM | CLONE_VFORK;
    arguments.stack = (uint64_t)(uintptr_t)command_stack;
    arguments.stack_size = sizeof command_stack;
  }
  if (into_cgroup) {
    arguments.flags |= CLONE_INTO_CGROUP;
    arguments.cgroup = LAUNCH_FD_CGROUP;
  }
  long pid = launch_clone3(&arguments, sizeof arguments, body, context);
  if (is_unknown(pid)) pid = spawn_by_clone(namespaces, into_cgroup, body, context);
  if (pid >= 0) return pid;
  if (namespaces != 0 && (pid == -EPERM || is_namespace_limit(pid))) fail_by_namespaces(namespaces, pid);
  if (into_cgroup && pid != -EAGAIN && pid != -ENOMEM) fail(LAUNCH_STEP_CGROUP, pid, "clone into the cgroup");
  fail(LAUNCH_STEP_SPAWN, pid, "clone3");
}

void let_go(const struct spec *spec) {
  extern const char __executable_start[], etext[];
  close_fd(LAUNCH_FD_CONTROL);
  close_fd(proc_fd);
  if (has_cgroup) close_fd(LAUNCH_FD_CGROUP);
  spec_close(spec);
  let_go_of_call();
  KERNEL(madvise, __executable_start, (size_t)(etext - __executable_start), MADV_DONTNEED);
  KERNEL(madvise, command_stack, sizeof command_stack, MADV_DONTNEED);
}

/*
 * In the first process of a pid namespace. It reaps what the kernel gives to it and must not be the command itself:
 * signals without a handler do not reach a namespace's first process. When it ends the kernel kills the rest.
 */
static void become_namespace_init(void *context) {
  struct spec *spec = context;
  enter_namespaces(spec);
  make_mounts(spec);
  long command = spawn(0, !spec->pauses, 0, become_command, spec), pid;
  close_fd(sandbox_fd);
  output_close_all();
  let_go(spec);
  int status;
  do status = wait_for_child(&pid, 0);
  while (pid != command && pid >= 0);
  exit_record_write(status);
  end(0);
}

static void become_lone_command(void *context) {
  enter_namespaces(context);
  make_mounts(context);
  become_command(context);
}

int main(void) {
  has_cgroup = KERNEL(fcntl, LAUNCH_FD_CGROUP, F_GETFD) >= 0;
  proc_fd = open_at(AT_FDCWD, "/proc", O_PATH | O_DIRECTORY, 0);
  protect();
  KERNEL(fcntl, LAUNCH_FD_CONTROL, F_SETFD, FD_CLOEXEC);
  struct spec spec;
  const char *detail;
  int error = spec_open(LAUNCH_FD_SPEC, &spec, &detail);
  if (error != 0) fail(LAUNCH_STEP_SPECIFICATION, error, detail);
  close_fd(LAUNCH_FD_SPEC);
  long moved = KERNEL(chdir, "/");
  if (moved < 0) fail(LAUNCH_STEP_SPAWN, moved, "/");
  exit_record_prepare(&spec);
  output_prepare(&spec);
  if (spec.visits) open_sandbox(&spec);
  join_namespaces(&spec, proc_fd);

  int has_init = (spec.namespaces & NAMESPACE_PID) != 0;
  void (*body)(void *) = has_init ? become_namespace_init : become_lone_command;
  long command = spawn(namespace_flags(&spec), !has_init && !spec.pauses, has_cgroup, body, &spec);
  /* The command's copies are the only ones now: the agent sees its exec as the end of file. */
  output_close_pipes();
  if (spec.visits) close_fd(sandbox_fd);
  let_go(&spec);
  reap_until_empty(command);
  return 0;
}
