#define _GNU_SOURCE
#include "supervisor.h"

#include "kernel.h"
#include "text.h"

#include <fcntl.h>
#include <linux/mount.h>
#include <linux/nsfs.h>
#include <linux/sched.h>
#include <sys/stat.h>

/* The bits of TEPUI_NAMESPACE_... */
enum { MOUNT = 1, PID = 2, IPC = 4, UTS = 8, NETWORK = 16, CGROUP = 32 };

static uint64_t flags_of(uint32_t wanted) {
  return (wanted & MOUNT ? CLONE_NEWNS : 0u) | (wanted & PID ? CLONE_NEWPID : 0u) | (wanted & IPC ? CLONE_NEWIPC : 0u) |
         (wanted & UTS ? CLONE_NEWUTS : 0u) | (wanted & NETWORK ? CLONE_NEWNET : 0u);
}

uint64_t namespace_flags(const struct spec *spec) { return flags_of(spec->namespaces); }

int is_namespace_limit(long error) { return error == -ENOSPC || error == -EUSERS; }

static const struct {
  uint64_t flag;
  const char *text;
} limits[] = {
#define LIMIT(flag, name) {flag, "cannot make another namespace: the limit is /proc/sys/user/max_" name "_namespaces"}
    LIMIT(CLONE_NEWNS, "mnt"), LIMIT(CLONE_NEWPID, "pid"), LIMIT(CLONE_NEWIPC, "ipc"),
    LIMIT(CLONE_NEWUTS, "uts"), LIMIT(CLONE_NEWNET, "net"), LIMIT(CLONE_NEWCGROUP, "cgroup"),
};

/* Clone does not say which one it was; making them one by one does, in a process that ends now. */
_Noreturn void fail_by_namespaces(uint64_t flags, long error) {
  const char *detail = "cannot make namespaces";
  for (size_t i = 0; is_namespace_limit(error) && i < sizeof limits / sizeof *limits; i++)
    if (flags & limits[i].flag && is_namespace_limit(KERNEL(unshare, limits[i].flag))) {
      detail = limits[i].text;
      break;
    }
  fail(LAUNCH_STEP_NAMESPACES, error, detail);
}

/* Who made a namespace of users is root in its mounts: programs that get privileges by their files would get them from
 * files of its making. Looked at when nobody can exchange them any more. */
static void check_mounts(int proc) {
  int mounts = open_at(proc, "self/ns/mnt", O_RDONLY, 0), users = open_at(proc, "self/ns/user", O_RDONLY, 0);
  int owner = mounts < 0 || users < 0 ? -1 : (int)KERNEL(ioctl, mounts, NS_GET_USERNS);
  struct stat theirs, ours;
  long error = owner < 0 ? -EPERM : KERNEL(fstat, owner, &theirs);
  if (error == 0) error = KERNEL(fstat, users, &ours);
  if (error == 0 && (theirs.st_ino != ours.st_ino || theirs.st_dev != ours.st_dev)) error = -EPERM;
  if (error < 0) fail(LAUNCH_STEP_NAMESPACES, error, "the mounts are of a user namespace that the task has made");
  close_fd(owner);
  close_fd(users);
  close_fd(mounts);
}

/* That of a mount namespace need not be that of the processes in it: the agent itself may be in a chroot. */
static int open_root_of(int proc, pid_t pid) {
  char path[32], *end = text_append_number(path, path, sizeof path, (uint32_t)pid);
  text_append(path, end, sizeof path, "/root");
  return open_at(proc, path, O_PATH | O_DIRECTORY, 0);
}

/* The agent lets the command run only if the process lived on until then, so its pid cannot have become another's. */
void join_namespaces(const struct spec *spec, int proc) {
  uint64_t flags = flags_of(spec->joined) | (spec->joined & CGROUP ? CLONE_NEWCGROUP : 0u);
  if (flags == 0) return;
  int root = flags & CLONE_NEWNS ? open_root_of(proc, spec->joined_pid) : -1;
  int process = (int)KERNEL(pidfd_open, spec->joined_pid, 0);
  long error = process < 0 ? process : KERNEL(setns, process, flags);
  if (error < 0) fail(LAUNCH_STEP_NAMESPACES, error, "setns to those of the pod");
  close_fd(process);
  if (!(flags & CLONE_NEWNS)) return;
  check_mounts(proc);
  error = root < 0 ? root : KERNEL(fchdir, root);
  if (error == 0) error = KERNEL(chroot, ".");
  if (error < 0) fail(LAUNCH_STEP_NAMESPACES, error, "the root of the container");
  close_fd(root);
}

void enter_namespaces(const struct spec *spec) {
  /* Its root is the group that the caller is in, so it cannot be made before it is there. */
  long error = spec->namespaces & CGROUP ? KERNEL(unshare, CLONE_NEWCGROUP) : 0;
  if (error < 0) fail_by_namespaces(CLONE_NEWCGROUP, error);
  if (spec->hostname != NULL) error = KERNEL(sethostname, spec->hostname, text_length(spec->hostname));
  if (error < 0) fail(LAUNCH_STEP_NAMESPACES, error, "cannot set the host's name");
  /* Mounts propagate to the host until they are made private. */
  if (spec->namespaces & MOUNT) error = KERNEL(mount, "", "/", NULL, MS_REC | MS_PRIVATE, NULL);
  if (error < 0) fail(LAUNCH_STEP_MOUNT, error, "anything: making all mounts private");
}
