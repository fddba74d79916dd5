#define _GNU_SOURCE
#include "CLaunch.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

struct binding {
  const struct launch_binding *wanted;
  int source; /* O_PATH */
  int error;
};

/* What is opened can't be exchanged any more. */
static int give(int directory, const char *name, const struct launch_binding *wanted) {
  int made = openat(directory, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (made < 0) return -1;
  int given = fchown(made, wanted->user, wanted->group);
  close(made);
  return given;
}

/* Opens a directory below `directory`, made if it is missing, and closes `directory`. No link is followed. */
static int descend(int directory, const char *name, const struct launch_binding *wanted) {
  const int flags = O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
  int next = openat(directory, name, flags);
  if (next < 0 && errno == ENOENT) {
    if (mkdirat(directory, name, 0755) == 0 ? give(directory, name, wanted) == 0 : errno == EEXIST)
      next = openat(directory, name, flags);
  }
  int error = errno;
  close(directory);
  errno = error;
  return next;
}

static int open_place(const struct launch_binding *wanted) {
  char *path = strdup(wanted->path), *rest = path;
  if (path == NULL) return -1;
  int place = open(wanted->sandbox, O_PATH | O_DIRECTORY | O_CLOEXEC);
  for (char *name = strsep(&rest, "/"); place >= 0 && name != NULL; name = strsep(&rest, "/"))
    if (*name != 0) place = descend(place, name, wanted);
  int error = errno;
  free(path);
  errno = error;
  return place;
}

static int is_same(int left, int right) {
  struct stat a, b;
  return fstat(left, &a) == 0 && fstat(right, &b) == 0 && a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

static int attach(int tree, int place) {
  return (int)syscall(SYS_move_mount, tree, "", place, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH);
}

/* Only this thread, which ends with it, sees the container's mounts: they are of a root and a working directory that
 * threads share, until one has its own. */
static void *bind_inside(void *context) {
  struct binding *binding = context;
  int tree = (int)syscall(
      SYS_open_tree, binding->source, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH | AT_RECURSIVE);
  int place = -1, is_done = 0;
  const struct launch_binding *wanted = binding->wanted;
  /* The root of the namespace need not be that of the container. */
  if (tree >= 0 && unshare(CLONE_FS) == 0 && setns(wanted->namespace_fd, CLONE_NEWNS) == 0 &&
      fchdir(wanted->root_fd) == 0 && chroot(".") == 0) {
    place = open_place(wanted);
    is_done = place >= 0 && (is_same(place, binding->source) || attach(tree, place) == 0);
  }
  binding->error = is_done ? 0 : errno;
  if (place >= 0) close(place);
  if (tree >= 0) close(tree);
  return NULL;
}

int launch_bind(const struct launch_binding *wanted) {
  struct binding binding = {.wanted = wanted};
  binding.source = open(wanted->source, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (binding.source < 0) return errno;
  pthread_t thread;
  int error = pthread_create(&thread, NULL, bind_inside, &binding);
  if (error == 0) pthread_join(thread, NULL);
  close(binding.source);
  return error != 0 ? error : binding.error;
}
