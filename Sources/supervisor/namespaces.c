#define _GNU_SOURCE
#include "supervisor.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The bits of TEPUI_NAMESPACE_... and TEPUI_MOUNT_... */
enum { NAMESPACE_MOUNT = 1, NAMESPACE_PID = 2, NAMESPACE_IPC = 4, NAMESPACE_UTS = 8, NAMESPACE_NETWORK = 16, NAMESPACE_CGROUP = 32 };
enum { MOUNT_READ_ONLY = 1, MOUNT_BIND = 2, MOUNT_RECURSIVE = 4 };

/* The agent lets the command run only if the process lived on until then, so its pid cannot have become another's. */
void join_namespaces(const struct spec *spec) {
  uint32_t joined = spec->joined;
  int flags = (joined & NAMESPACE_PID ? CLONE_NEWPID : 0) | (joined & NAMESPACE_IPC ? CLONE_NEWIPC : 0) |
              (joined & NAMESPACE_UTS ? CLONE_NEWUTS : 0) | (joined & NAMESPACE_NETWORK ? CLONE_NEWNET : 0);
  if (flags == 0) return;
  int process = (int)syscall(SYS_pidfd_open, spec->joined_pid, 0);
  if (process < 0 || setns(process, flags) < 0) fail(LAUNCH_STEP_NAMESPACES, errno, "setns to those of the pod");
  close(process);
}

void enter_namespaces(const struct spec *spec) {
  uint32_t wanted = spec->namespaces;
  int flags = (wanted & NAMESPACE_MOUNT ? CLONE_NEWNS : 0) | (wanted & NAMESPACE_IPC ? CLONE_NEWIPC : 0) |
              (wanted & NAMESPACE_UTS ? CLONE_NEWUTS : 0) | (wanted & NAMESPACE_NETWORK ? CLONE_NEWNET : 0) |
              (wanted & NAMESPACE_CGROUP ? CLONE_NEWCGROUP : 0);
  if (flags != 0 && unshare(flags) < 0) fail(LAUNCH_STEP_NAMESPACES, errno, "unshare");
  /* Mounts propagate to the host until they are made private. */
  if ((wanted & NAMESPACE_MOUNT) && mount("", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
    fail(LAUNCH_STEP_MOUNT, errno, "making all mounts private");
}

/* The part of `path` below the sandbox, or NULL if it lies elsewhere. */
static const char *below(const char *path, const char *sandbox) {
  size_t length = strlen(sandbox);
  while (length > 1 && sandbox[length - 1] == '/') length--;
  return strncmp(path, sandbox, length) == 0 && path[length] == '/' ? path + length + 1 : NULL;
}

/* Opens one component below `directory`, makes it if it is missing, and closes `directory`. -1 and errno. */
static int descend(int directory, const char *name) {
  int made = mkdirat(directory, name, 0755);
  int next = made < 0 && errno != EEXIST ? -1 : openat(directory, name, O_PATH | O_NOFOLLOW | O_DIRECTORY | O_CLOEXEC);
  int error = errno;
  close(directory);
  errno = error;
  return next;
}

/*
 * Opens the place that is to be mounted over. The sandbox is the user's: a link in it must not lead the mount to
 * another place, so the way down is walked without following any.
 */
static int open_target(const struct spec *spec, const char *target) {
  const char *rest = below(target, spec->sandbox);
  if (rest == NULL) return open(target, O_PATH | O_CLOEXEC);
  int directory = open(spec->sandbox, O_PATH | O_DIRECTORY | O_CLOEXEC);
  while (directory >= 0 && *rest != 0) {
    char name[256];
    size_t length = strcspn(rest, "/");
    if (length >= sizeof name) {
      errno = ENAMETOOLONG;
      return -1;
    }
    memcpy(name, rest, length);
    name[length] = 0;
    rest += length + (rest[length] == '/');
    if (strcmp(name, "..") == 0) {
      errno = EINVAL;
      return -1;
    }
    if (length > 0) directory = descend(directory, name);
  }
  return directory;
}

/* "/proc/self/fd/N": mount(2) takes paths only. */
static void write_fd_path(char *path, int fd) {
  static const char prefix[] = "/proc/self/fd/";
  memcpy(path, prefix, sizeof prefix - 1);
  char digits[12];
  int count = 0;
  do digits[count++] = (char)('0' + fd % 10);
  while ((fd /= 10) > 0);
  char *end = path + sizeof prefix - 1;
  while (count > 0) *end++ = digits[--count];
  *end = 0;
}

static void make_mount(const struct spec *spec, const struct record *record) {
  uint32_t wanted = spec_u32(record->payload, 0);
  const char *type = (const char *)record->payload + 4;
  const char *source = type + strlen(type) + 1;
  const char *target = source + strlen(source) + 1;
  const char *options = target + strlen(target) + 1;

  int fd = open_target(spec, target);
  if (fd < 0) fail(LAUNCH_STEP_MOUNT, errno, target);
  char path[32];
  write_fd_path(path, fd);
  unsigned long read_only = wanted & MOUNT_READ_ONLY ? MS_RDONLY : 0;
  if (!(wanted & MOUNT_BIND)) {
    if (mount(source, path, type, read_only, options) < 0) fail(LAUNCH_STEP_MOUNT, errno, target);
    close(fd);
    return;
  }
  unsigned long recursive = wanted & MOUNT_RECURSIVE ? MS_REC : 0;
  if (mount(source, path, NULL, MS_BIND | recursive, NULL) < 0) fail(LAUNCH_STEP_MOUNT, errno, target);
  close(fd);
  if (!read_only) return;
  /* A bind mount becomes read-only by a second call only. The new mount lies above the opened place: open it anew. */
  fd = open_target(spec, target);
  if (fd < 0) fail(LAUNCH_STEP_MOUNT, errno, target);
  struct mount_attr attributes = {.attr_set = MOUNT_ATTR_RDONLY};
  if (mount_setattr(fd, "", AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0), &attributes, sizeof attributes) < 0)
    fail(LAUNCH_STEP_MOUNT, errno, target);
  close(fd);
}

void make_mounts(const struct spec *spec) {
  size_t offset = 0;
  for (struct record record = spec_next(spec, LAUNCH_MOUNT, &offset); record.payload != NULL;
       record = spec_next(spec, LAUNCH_MOUNT, &offset))
    make_mount(spec, &record);
}
