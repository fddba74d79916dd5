#define _GNU_SOURCE
#include "supervisor.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* More groups than any real user is in; the kernel would take 65536. */
#define GROUP_LIMIT 1024

extern char **environ;

static void set_rlimits(const struct spec *spec) {
  size_t offset = 0;
  for (struct record record = spec_next(spec, LAUNCH_RLIMIT, &offset); record.payload != NULL;
       record = spec_next(spec, LAUNCH_RLIMIT, &offset)) {
    struct rlimit limit = {.rlim_cur = spec_u64(record.payload, 4), .rlim_max = spec_u64(record.payload, 12)};
    if (setrlimit((int)spec_u32(record.payload, 0), &limit) < 0)
      fail(LAUNCH_STEP_RLIMITS, errno, "setrlimit: a hard limit above the agent's own needs CAP_SYS_RESOURCE");
  }
}

static struct record user_of(const struct spec *spec) {
  size_t offset = 0;
  return spec_next(spec, LAUNCH_USER, &offset);
}

/*
 * Opens an output file in the sandbox as `number`. The sandbox is the user's, and this runs with the agent's rights:
 * no link may lead elsewhere, no FIFO may block the launch, and no second name of another's file may be given away.
 */
static void open_output(int sandbox, const char *name, int number, const struct record *user) {
  int fd = openat(sandbox, name, O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0644);
  struct stat status;
  if (fd < 0 || fstat(fd, &status) < 0) fail(LAUNCH_STEP_SANDBOX, errno, name);
  if (!S_ISREG(status.st_mode) || status.st_nlink != 1) fail(LAUNCH_STEP_SANDBOX, EPERM, name);
  if (user->payload != NULL && fchown(fd, spec_u32(user->payload, 0), spec_u32(user->payload, 4)) < 0)
    fail(LAUNCH_STEP_SANDBOX, errno, name);
  if (fcntl(fd, F_SETFL, O_APPEND) < 0 || dup2(fd, number) < 0) fail(LAUNCH_STEP_SANDBOX, errno, name);
}

static void open_outputs(const struct spec *spec) {
  int sandbox = open(spec->sandbox, O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (sandbox < 0) fail(LAUNCH_STEP_SANDBOX, errno, spec->sandbox);
  struct record user = user_of(spec);
  open_output(sandbox, "stdout", STDOUT_FILENO, &user);
  open_output(sandbox, "stderr", STDERR_FILENO, &user);
}

static void switch_user(const struct spec *spec) {
  struct record user = user_of(spec);
  if (user.payload == NULL) return;
  uid_t uid = spec_u32(user.payload, 0);
  gid_t gid = spec_u32(user.payload, 4);
  gid_t groups[GROUP_LIMIT];
  size_t count = (user.length - 8) / 4;
  if (count > GROUP_LIMIT) fail(LAUNCH_STEP_USER, EINVAL, "too many supplementary groups");
  for (size_t i = 0; i < count; i++) groups[i] = spec_u32(user.payload, 8 + 4 * i);
  if (setgroups(count, groups) < 0) fail(LAUNCH_STEP_USER, errno, "setgroups");
  if (setresgid(gid, gid, gid) < 0) fail(LAUNCH_STEP_USER, errno, "setresgid");
  if (setresuid(uid, uid, uid) < 0) fail(LAUNCH_STEP_USER, errno, "setresuid");
}

/* Straight to the kernel: libc keeps two signals to itself, and what is ignored stays so over an exec. */
static void reset_signals(void) {
  static const unsigned long by_default[8]; /* struct sigaction as the kernel has it, or larger; SIG_DFL is 0 */
  for (int number = 1; number < NSIG; number++) syscall(SYS_rt_sigaction, number, by_default, NULL, NSIG / 8);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
}

/* Writes pointers to the texts of a type and a NULL; answers the place after it. */
static char **collect(const struct spec *spec, uint32_t type, char **into) {
  size_t offset = 0;
  for (struct record record = spec_next(spec, type, &offset); record.payload != NULL;
       record = spec_next(spec, type, &offset))
    *into++ = (char *)record.payload;
  *into++ = NULL;
  return into;
}

/* What a pod consists of while its tasks come and go. Not a program: its user may not be able to reach one of ours. */
_Noreturn static void become_pause(const struct spec *spec) {
  prctl(PR_SET_NAME, "tepui-pod", 0, 0, 0);
  await_consent();
  close_range(STDERR_FILENO + 1, ~0u, 0);
  spec_close(spec);
  shrink();
  for (;;) pause();
}

_Noreturn void become_command(const struct spec *spec) {
  setsid();
  /* Raising one's score needs no privilege; the supervisor's protection must not reach its command. */
  int score = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
  if (score >= 0) {
    (void)!write(score, "0", 1);
    close(score);
  }
  set_rlimits(spec);
  open_outputs(spec);
  switch_user(spec);
  if (chdir(spec->working_directory) < 0) fail(LAUNCH_STEP_WORKING_DIRECTORY, errno, spec->working_directory);
  reset_signals();
  if (spec->pauses) become_pause(spec);

  size_t pointers = (size_t)spec->argument_count + spec->environment_count + 2;
  int writable = PROT_READ | PROT_WRITE;
  char **arguments = mmap(NULL, pointers * sizeof *arguments, writable, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (arguments == MAP_FAILED) fail(LAUNCH_STEP_EXECUTE, errno, spec->program);
  char **environment = collect(spec, LAUNCH_ARGUMENT, arguments);
  collect(spec, LAUNCH_ENVIRONMENT, environment);
  if (close_range(STDERR_FILENO + 1, ~0u, CLOSE_RANGE_CLOEXEC) < 0) fail(LAUNCH_STEP_EXECUTE, errno, "close_range");

  await_consent();
  environ = environment; /* execvp looks up PATH in it */
  execvp(spec->program, arguments);
  fail(LAUNCH_STEP_EXECUTE, errno, spec->program);
}
