#define _GNU_SOURCE
#include "supervisor.h"

#include "kernel.h"
#include "output.h"
#include "text.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>

/* More groups than any real user is in; the kernel would take 65536. */
#define GROUP_LIMIT 1024

#define PATH_LIMIT 4096

static void set_rlimits(const struct spec *spec) {
  size_t offset = 0;
  for (struct record record = spec_next(spec, LAUNCH_RLIMIT, &offset); record.payload != NULL;
       record = spec_next(spec, LAUNCH_RLIMIT, &offset)) {
    const uint64_t limit[2] = {spec_u64(record.payload, 4), spec_u64(record.payload, 12)};
    long error = KERNEL(prlimit64, 0, spec_u32(record.payload, 0), limit, NULL);
    if (error < 0)
      fail(LAUNCH_STEP_RLIMITS, error, "setrlimit: a hard limit above the agent's own needs CAP_SYS_RESOURCE");
  }
}

/* Puts what takes an output in place as `number`. */
static void open_output(const char *name, int number, const struct record *user) {
  int fd = output_is_bounded() ? output_pipe(number) : output_open(sandbox_fd, name, user);
  long error = fd < 0 ? fd : KERNEL(dup3, fd, number, 0);
  if (error < 0) fail(LAUNCH_STEP_SANDBOX, error, name);
}

static void open_outputs(const struct spec *spec) {
  struct record user = spec_only(spec, LAUNCH_USER);
  open_output(spec->visits ? "stderr" : "stdout", OUTPUT, &user);
  open_output("stderr", ERROR_OUTPUT, &user);
}

static void switch_user(const struct spec *spec) {
  struct record user = spec_only(spec, LAUNCH_USER);
  if (user.payload == NULL) return;
  uint32_t uid = spec_u32(user.payload, 0), gid = spec_u32(user.payload, 4), count = (user.length - 8) / 4;
  if (count > GROUP_LIMIT) fail(LAUNCH_STEP_USER, EINVAL, "too many supplementary groups");
  long error = KERNEL(setgroups, count, user.payload + 8);
  if (error < 0) fail(LAUNCH_STEP_USER, error, "setgroups");
  error = KERNEL(setresgid, gid, gid, gid);
  if (error < 0) fail(LAUNCH_STEP_USER, error, "setresgid");
  error = KERNEL(setresuid, uid, uid, uid);
  if (error < 0) fail(LAUNCH_STEP_USER, error, "setresuid");
}

/* What is ignored stays so over an exec. */
static void reset_signals(void) {
  static const unsigned long by_default[8], none; /* struct sigaction as the kernel has it, or larger; SIG_DFL is 0 */
  for (int number = 1; number < NSIG; number++)
    KERNEL(rt_sigaction, number, by_default, NULL, SIGNAL_SET_SIZE);
  KERNEL(rt_sigprocmask, SIG_SETMASK, &none, NULL, SIGNAL_SET_SIZE);
}

/* Writes pointers to the texts of a type and a NULL; answers the place after it. */
static const char **collect(const struct spec *spec, uint32_t type, const char **into) {
  size_t offset = 0;
  for (struct record record = spec_next(spec, type, &offset); record.payload != NULL;
       record = spec_next(spec, type, &offset))
    *into++ = (const char *)record.payload;
  *into++ = NULL;
  return into;
}

struct call {
  const char **arguments; /* one more place lies before them */
  const char **environment;
};

/* Where the pointers of the call lie. They must be there until the exec; a supervisor that shares its memory with the
 * command has them ever after. */
static struct {
  long address;
  size_t length;
} pointers;

void let_go_of_call(void) {
  if (pointers.length > 0) KERNEL(munmap, pointers.address, pointers.length);
  pointers.length = 0;
}

static struct call make_call(const struct spec *spec) {
  size_t length = ((size_t)spec->argument_count + spec->environment_count + 3) * sizeof(char *);
  long memory = KERNEL(mmap, NULL, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory < 0 && memory > -4096) fail(LAUNCH_STEP_EXECUTE, memory, spec->program);
  pointers.address = memory;
  pointers.length = length;
  struct call call = {.arguments = (const char **)memory + 1};
  call.environment = collect(spec, LAUNCH_ARGUMENT, call.arguments);
  collect(spec, LAUNCH_ENVIRONMENT, call.environment);
  return call;
}

/* Answers only after a failure. */
static long execute(const char *path, const struct call *call) {
  long error = KERNEL(execve, path, call->arguments, call->environment);
  if (error != -ENOEXEC) return error;
  /* A script without a first line that says so, as shells do it: `sh path arguments...` */
  call->arguments[-1] = "sh";
  call->arguments[0] = path;
  return KERNEL(execve, "/bin/sh", call->arguments - 1, call->environment);
}

static const char *search_path(const struct call *call) {
  for (const char **variable = call->environment; *variable != NULL; variable++)
    if ((*variable)[0] == 'P' && (*variable)[1] == 'A' && (*variable)[2] == 'T' && (*variable)[3] == 'H' &&
        (*variable)[4] == '=')
      return *variable + 5;
  return "/bin:/usr/bin";
}

/* Looks the program up where its environment says. */
static long execute_by_name(const char *name, const struct call *call) {
  for (const char *byte = name; *byte != 0; byte++)
    if (*byte == '/') return execute(name, call);
  long answer = -ENOENT;
  for (const char *rest = search_path(call);;) {
    char path[PATH_LIMIT];
    size_t length = 0;
    while (*rest != 0 && *rest != ':' && length < sizeof path - 2) path[length++] = *rest++;
    while (*rest != 0 && *rest != ':') rest++;
    if (length > 0 && path[length - 1] != '/') path[length++] = '/';
    text_append(path, path + length, sizeof path, name);
    long error = execute(path, call);
    if (error != -ENOENT && error != -ENOTDIR && error != -EACCES) return error;
    if (error == -EACCES) answer = error;
    if (*rest++ == 0) return answer;
  }
}

/* What a pod consists of while its tasks come and go. Not a program: its user may not be able to reach one of ours. */
static _Noreturn void become_pause(const struct spec *spec) {
  KERNEL(prctl, PR_SET_NAME, "tepui-pod", 0, 0, 0);
  await_consent();
  filter_system_calls(spec);
  KERNEL(close_range, ERROR_OUTPUT + 1, ~0u, 0);
  let_go(spec);
  for (;;) KERNEL(ppoll, NULL, 0, NULL, NULL, SIGNAL_SET_SIZE);
}

void become_command(void *context) {
  const struct spec *spec = context;
  KERNEL(setsid, 0);
  /* Raising one's score needs no privilege; the supervisor's protection must not reach its command. */
  set_oom_score("0");
  set_rlimits(spec);
  open_outputs(spec);
  limit_capabilities(spec);
  switch_user(spec);
  take_capabilities(spec);
  long error = KERNEL(chdir, spec->working_directory);
  if (error < 0) fail(LAUNCH_STEP_WORKING_DIRECTORY, error, spec->working_directory);
  reset_signals();
  if (spec->pauses) become_pause(spec);
  struct call call = make_call(spec);
  error = KERNEL(close_range, ERROR_OUTPUT + 1, ~0u, CLOSE_RANGE_CLOEXEC);
  if (error < 0) fail(LAUNCH_STEP_EXECUTE, error, "close_range");

  await_consent();
  filter_system_calls(spec);
  fail(LAUNCH_STEP_EXECUTE, execute_by_name(spec->program, &call), spec->program);
}
