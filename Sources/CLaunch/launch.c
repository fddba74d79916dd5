#define _GNU_SOURCE
#include "CLaunch.h"
#include "launch_clone3.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdalign.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* Enough for `become_supervisor` and what it calls; the child's stack lies in its waiting parent's frame. */
#define CHILD_STACK 16384

struct child {
  const struct launch_request *request;
  int null;       /* /dev/null, or -1 to open it */
  int shared_end; /* with a table of descriptors that is shared: nothing from here on is needed; else 0 */
  int step;
  int error;
};

/* Descriptors that are kept for launches, made when few others are open. A child gets by with a copy of the table up to
 * their end. A copy of the whole table, and closing all of it at the exec, took 40 % of a busy agent's time, since
 * there are several descriptors a container. */
static struct slots {
  int null, spec, control, leaf, end;
} slots;
static pthread_mutex_t slots_lock = PTHREAD_MUTEX_INITIALIZER;

/* Puts `fd` at `target`. The source is above all targets already, so that none overwrites another. */
static int place(int fd, int target) { return fd < 0 ? close(target), 0 : dup2(fd, target); }

static int above_targets(int fd) { return fd < 0 ? fd : fcntl(fd, F_DUPFD_CLOEXEC, LAUNCH_FD_CGROUP + 1); }

static int larger(int a, int b) { return a > b ? a : b; }

/* Under the lock. 0, or -1 and errno. */
static int reserve_slots(void) {
  if (slots.end > 0) return 0;
  int null = open("/dev/null", O_RDWR | O_CLOEXEC);
  if (null < 0) return -1;
  struct slots made = {above_targets(null), above_targets(null), above_targets(null), above_targets(null), 0};
  int error = errno;
  close(null);
  if (made.null >= 0 && made.spec >= 0 && made.control >= 0 && made.leaf >= 0) {
    made.end = larger(larger(made.null, made.spec), larger(made.control, made.leaf)) + 1;
    slots = made;
    return 0;
  }
  int all[] = {made.null, made.spec, made.control, made.leaf};
  for (size_t i = 0; i < sizeof all / sizeof *all; i++)
    if (all[i] >= 0) close(all[i]);
  errno = error;
  return -1;
}

/* Puts what a request needs into the slots; `request` names the slots then. 0, or -1 and errno. */
static int fill_slots(struct launch_request *request) {
  if (dup3(request->spec_fd, slots.spec, O_CLOEXEC) < 0 || dup3(request->control_fd, slots.control, O_CLOEXEC) < 0)
    return -1;
  request->spec_fd = slots.spec;
  request->control_fd = slots.control;
  if (request->leaf_cgroup_fd < 0) return 0;
  if (dup3(request->leaf_cgroup_fd, slots.leaf, O_CLOEXEC) < 0) return -1;
  request->leaf_cgroup_fd = slots.leaf;
  return 0;
}

/* The other end of the control pair must see the supervisor go, so nothing of a launch stays open here. */
static void empty_slots(void) {
  dup3(slots.null, slots.spec, O_CLOEXEC);
  dup3(slots.null, slots.control, O_CLOEXEC);
  dup3(slots.null, slots.leaf, O_CLOEXEC);
}

/* Runs in the child, on memory shared with the agent: system calls only. Answers only after a failure. */
static void become_supervisor(struct child *child) {
  const struct launch_request *request = child->request;
  child->step = LAUNCH_STEP_SPAWN;
  if (child->shared_end > 0 && close_range(child->shared_end, ~0u, CLOSE_RANGE_UNSHARE) != 0) {
    child->error = errno;
    return;
  }
  int null = above_targets(child->null >= 0 ? child->null : open("/dev/null", O_RDWR | O_CLOEXEC));
  int spec = above_targets(request->spec_fd);
  int control = above_targets(request->control_fd);
  int leaf = above_targets(request->leaf_cgroup_fd);
  sigset_t none;
  sigemptyset(&none);
  char *const environment[] = {NULL};
  if (null >= 0 && spec >= 0 && control >= 0 && place(null, 0) >= 0 && place(null, 1) >= 0 && place(null, 2) >= 0 &&
      place(spec, LAUNCH_FD_SPEC) >= 0 && place(control, LAUNCH_FD_CONTROL) >= 0 &&
      place(leaf, LAUNCH_FD_CGROUP) >= 0 && close_range(LAUNCH_FD_CGROUP + 1, ~0u, CLOSE_RANGE_CLOEXEC) == 0 &&
      sigprocmask(SIG_SETMASK, &none, NULL) == 0)
    execve(request->program, request->arguments, environment);
  child->error = errno;
}

static void shared_memory_child(void *context) {
  become_supervisor(context);
  _exit(127);
}

static int fail(struct launch_result *result, int step, int error) {
  result->pid = -1;
  result->pidfd = -1;
  result->step = step;
  result->error = error;
  return -1;
}

/* The kernel's ways to say that it does not know clone3 or a flag of ours. */
static int is_unknown(long error) { return error == ENOSYS || error == EINVAL || error == E2BIG; }

static int launch_from_slots(const struct launch_request *request, struct launch_result *result) {
  alignas(16) unsigned char stack[CHILD_STACK];
  struct child child = {.request = request, .null = slots.null, .shared_end = slots.end};
  int pidfd = -1;
  struct clone_args arguments = {
      .flags = CLONE_VM | CLONE_VFORK | CLONE_FILES | CLONE_PIDFD | CLONE_CLEAR_SIGHAND,
      .pidfd = (uint64_t)(uintptr_t)&pidfd,
      .exit_signal = SIGCHLD,
      .stack = (uint64_t)(uintptr_t)stack,
      .stack_size = sizeof stack,
  };
  if (request->cgroup_fd >= 0) {
    arguments.flags |= CLONE_INTO_CGROUP;
    arguments.cgroup = (uint64_t)request->cgroup_fd;
  }

  /* A signal that came to the child before the exec would run the agent's handler in the agent's memory. */
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_BLOCK, &all, &before);
  long pid = launch_clone3(&arguments, sizeof arguments, shared_memory_child, &child);
  pthread_sigmask(SIG_SETMASK, &before, NULL);

  if (pid < 0 && is_unknown(-pid)) return launch_supervisor_by_fork(request, result);
  if (pid < 0) return fail(result, request->cgroup_fd >= 0 ? LAUNCH_STEP_CGROUP : LAUNCH_STEP_SPAWN, (int)-pid);
  if (child.error != 0) {
    waitpid((pid_t)pid, NULL, 0);
    close(pidfd);
    return fail(result, child.step, child.error);
  }
  *result = (struct launch_result){.pid = (pid_t)pid, .pidfd = pidfd};
  return 0;
}

int launch_supervisor(const struct launch_request *request, struct launch_result *result) {
  pthread_mutex_lock(&slots_lock);
  struct launch_request placed = *request;
  int status;
  if (reserve_slots() != 0) {
    status = fail(result, LAUNCH_STEP_SPAWN, errno);
  } else {
    status = fill_slots(&placed) == 0 ? launch_from_slots(&placed, result) : fail(result, LAUNCH_STEP_SPAWN, errno);
    empty_slots();
  }
  pthread_mutex_unlock(&slots_lock);
  return status;
}

/* Moves the calling process. 0, or -1 and errno. */
static int enter_cgroup(int cgroup_fd) {
  int procs = openat(cgroup_fd, "cgroup.procs", O_WRONLY | O_CLOEXEC);
  if (procs < 0) return -1;
  ssize_t written = write(procs, "0", 1);
  close(procs);
  return written == 1 ? 0 : -1;
}

int launch_supervisor_by_fork(const struct launch_request *request, struct launch_result *result) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) < 0) return fail(result, LAUNCH_STEP_SPAWN, errno);
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_BLOCK, &all, &before);
  pid_t pid = fork();
  if (pid == 0) {
    struct child child = {.request = request, .null = -1, .step = LAUNCH_STEP_CGROUP};
    /* Handlers of the agent must not run here once signals are open again. */
    for (int signal_number = 1; signal_number < NSIG; signal_number++) signal(signal_number, SIG_DFL);
    if (request->cgroup_fd < 0 || enter_cgroup(request->cgroup_fd) == 0)
      become_supervisor(&child);
    else
      child.error = errno;
    int words[2] = {child.step, child.error};
    _exit(write(ends[1], words, sizeof words) == sizeof words ? 127 : 126);
  }
  int fork_error = errno;
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  close(ends[1]);
  int words[2] = {LAUNCH_STEP_SPAWN, fork_error};
  ssize_t got = pid < 0 ? (ssize_t)sizeof words : read(ends[0], words, sizeof words);
  close(ends[0]);
  int pidfd = got == 0 ? launch_pidfd_open(pid) : -1;
  if (pidfd >= 0) {
    *result = (struct launch_result){.pid = pid, .pidfd = pidfd};
    return 0;
  }
  if (got != (ssize_t)sizeof words) words[1] = errno;
  if (pid > 0) {
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
  }
  return fail(result, words[0], words[1]);
}
