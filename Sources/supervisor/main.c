/*
 * tepui-supervisor - the parent of one container's command. See launch_spec.h for what it is told and answers.
 *
 * It is started by the agent only, and outlives it: when the agent dies, the command runs on and its exit status waits
 * in the state directory. Processes that the command leaves behind become children of the supervisor, which so holds
 * the container's processes together where no cgroup does; killing them is the agent's part. It ends with the last.
 */
#define _GNU_SOURCE
#include "supervisor.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define NAMESPACE_PID 2u /* TEPUI_NAMESPACE_PID */

/* Looked at before anything is opened: a descriptor of that number may be another's later. */
static int has_cgroup;

/* As shells say it: the command could not be run. */
#define EXIT_NOT_RUN 127

static void send_report(uint32_t step, int error, const char *detail) {
  struct launch_report report = {.step = step, .error = error};
  strncpy(report.detail, detail, sizeof report.detail - 1);
  (void)!send(LAUNCH_FD_CONTROL, &report, sizeof report, MSG_NOSIGNAL);
}

_Noreturn void fail(uint32_t step, int error, const char *detail) {
  send_report(step, error, detail);
  _exit(EXIT_NOT_RUN);
}

void await_consent(void) {
  send_report(0, 0, "");
  char consent;
  ssize_t got;
  do got = recv(LAUNCH_FD_CONTROL, &consent, 1, 0);
  while (got < 0 && errno == EINTR);
  if (got != 1) _exit(EXIT_NOT_RUN);
}

/* Ends with the last child only, so nothing that is sent to a whole session or system may end it before. */
static void protect(void) {
  static const int ignored[] = {SIGHUP, SIGINT, SIGQUIT, SIGPIPE, SIGTERM, SIGUSR1, SIGUSR2, SIGALRM};
  for (size_t i = 0; i < sizeof ignored / sizeof *ignored; i++) signal(ignored[i], SIG_IGN);
  signal(SIGCHLD, SIG_DFL); /* an ignored SIGCHLD, inherited, would lose the exit status */
  setsid();
  prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
  /* Needs privilege; an unprivileged agent's supervisor is small enough to be an unlikely victim. */
  int score = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
  if (score < 0) return;
  (void)!write(score, "-1000", 5);
  close(score);
}

void shrink(void) {
  extern const char __executable_start[], etext[];
  madvise((void *)__executable_start, (size_t)(etext - __executable_start), MADV_DONTNEED);
}

void reap_until_empty(pid_t command) {
  for (;;) {
    int status;
    pid_t pid = waitpid(-1, &status, __WALL);
    if (pid == command) exit_record_write(status);
    if (pid < 0 && errno != EINTR) return;
  }
}

/* fork, into the cgroup for the command's processes if there is one. */
static pid_t fork_into_cgroup(void) {
  if (!has_cgroup) return fork();
  struct clone_args arguments = {
      .flags = CLONE_INTO_CGROUP, .exit_signal = SIGCHLD, .cgroup = LAUNCH_FD_CGROUP};
  pid_t pid = (pid_t)syscall(SYS_clone3, &arguments, sizeof arguments);
  if (pid >= 0) return pid;
  if (errno != ENOSYS && errno != EINVAL && errno != E2BIG) fail(LAUNCH_STEP_CGROUP, errno, "clone into the cgroup");
  pid = fork();
  if (pid != 0) return pid;
  int procs = openat(LAUNCH_FD_CGROUP, "cgroup.procs", O_WRONLY | O_CLOEXEC);
  if (procs < 0 || write(procs, "0", 1) != 1) fail(LAUNCH_STEP_CGROUP, errno, "cgroup.procs");
  close(procs);
  return 0;
}

/* Closes what only the command's own process needs from now on. */
static void let_go(void) {
  close(LAUNCH_FD_CONTROL);
  if (has_cgroup) close(LAUNCH_FD_CGROUP);
}

/*
 * In the first process of a pid namespace. It reaps what the kernel gives to it and must not be the command itself:
 * signals without a handler do not reach a namespace's first process. When it ends the kernel kills the rest.
 */
static void become_namespace_init(void) {
  pid_t command = fork();
  if (command < 0) fail(LAUNCH_STEP_SPAWN, errno, "fork");
  if (command == 0) return;
  let_go();
  int status = 0;
  for (pid_t pid = 0; pid != command;) {
    pid = waitpid(-1, &status, __WALL);
    if (pid < 0 && errno != EINTR) break;
  }
  exit_record_write(status);
  _exit(0);
}

_Noreturn static void run_child(const struct spec *spec) {
  enter_namespaces(spec);
  make_mounts(spec);
  if (spec->namespaces & NAMESPACE_PID) become_namespace_init();
  become_command(spec);
}

int main(void) {
  has_cgroup = fcntl(LAUNCH_FD_CGROUP, F_GETFD) >= 0;
  protect();
  fcntl(LAUNCH_FD_CONTROL, F_SETFD, FD_CLOEXEC);
  struct spec spec;
  const char *detail;
  int error = spec_open(LAUNCH_FD_SPEC, &spec, &detail);
  if (error != 0) fail(LAUNCH_STEP_SPECIFICATION, error, detail);
  close(LAUNCH_FD_SPEC);
  if (chdir("/") < 0) fail(LAUNCH_STEP_SPAWN, errno, "/");
  exit_record_prepare(&spec);
  join_namespaces(&spec);
  if ((spec.namespaces & NAMESPACE_PID) && unshare(CLONE_NEWPID) < 0)
    fail(LAUNCH_STEP_NAMESPACES, errno, "unshare of the pid namespace");

  pid_t command = fork_into_cgroup();
  if (command < 0) fail(LAUNCH_STEP_SPAWN, errno, "fork");
  if (command == 0) run_child(&spec);
  /* The command's copy is the only one now: the agent sees its exec as the end of file. */
  let_go();
  spec_close(&spec);
  shrink();
  reap_until_empty(command);
  return 0;
}
