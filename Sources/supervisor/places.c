#define _GNU_SOURCE
#include "places.h"

#include "kernel.h"
#include "text.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <stdint.h>
#include <sys/stat.h>

#define NAME_LIMIT 256
#define PATH_LIMIT 4096

static int open_as_place(int directory, const char *path, uint64_t resolve) {
  struct open_how how = {.flags = O_PATH | O_CLOEXEC, .resolve = resolve | RESOLVE_NO_MAGICLINKS};
  return (int)KERNEL(openat2, directory, path, &how, sizeof how);
}

static const char *skip_slashes(const char *path) {
  while (*path == '/') path++;
  return path;
}

static size_t name_length(const char *path) {
  size_t length = 0;
  while (path[length] != 0 && path[length] != '/') length++;
  return length;
}

/* Copies the first name of a path; -1 if it is too long or "..", which nothing here goes by. */
static int take_name(const char **path, char name[NAME_LIMIT]) {
  size_t length = name_length(*path);
  if (length >= NAME_LIMIT) return -ENAMETOOLONG;
  memcpy(name, *path, length);
  name[length] = 0;
  *path = skip_slashes(*path + length);
  return text_equal(name, "..") ? -EINVAL : 0;
}

/* Gives away what was just made. Its path may lead to something else by now: who may write in the directory can rename
 * there what is another's, or link to it. */
static long give(int fd, int is_directory, const struct owner *owner) {
  struct stat status;
  long error = KERNEL(fstat, fd, &status);
  if (error < 0) return error;
  int is_new = status.st_uid == (uid_t)KERNEL(geteuid, 0) &&
               (is_directory ? S_ISDIR(status.st_mode)
                             : S_ISREG(status.st_mode) && status.st_nlink == 1 && status.st_size == 0);
  if (!is_new) return -EPERM;
  error = KERNEL(fchown, fd, owner->user, owner->group);
  /* Past the umask. */
  return error == 0 && owner->mode != 0 ? KERNEL(fchmod, fd, owner->mode) : error;
}

/* A directory or an empty file of that name; 0 also if there is something already. */
static long make(int directory, const char *name, int is_directory, const struct owner *owner) {
  long made = is_directory ? KERNEL(mkdirat, directory, name, 0755)
                           : KERNEL(mknodat, directory, name, S_IFREG | 0644, 0);
  if (made == -EEXIST) return 0;
  if (made < 0 || owner == NULL) return made;
  int fd = open_at(directory, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0);
  if (fd < 0) return fd;
  long given = give(fd, is_directory, owner);
  close_fd(fd);
  return given;
}

/* Opens one name below `directory`, made if it is missing, and closes `directory`. */
static int descend(int directory, const char *name, int is_directory, const struct owner *owner) {
  int flags = O_PATH | O_NOFOLLOW | (is_directory ? O_DIRECTORY : 0);
  int next = open_at(directory, name, flags, 0);
  if (next == -ENOENT) {
    long made = make(directory, name, is_directory, owner);
    next = made < 0 ? (int)made : open_at(directory, name, flags, 0);
  }
  close_fd(directory);
  return next;
}

static int walk(int start, const char *path, const char *end, int is_directory, const struct owner *owner) {
  int place = open_at(start, ".", O_PATH | O_DIRECTORY, 0);
  path = skip_slashes(path);
  while (place >= 0 && path < end && *path != 0) {
    char name[NAME_LIMIT];
    int taken = take_name(&path, name);
    if (taken < 0) {
      close_fd(place);
      return taken;
    }
    int is_last = path >= end || *path == 0;
    place = descend(place, name, is_directory || !is_last, owner);
  }
  return place;
}

int place_in_sandbox(int sandbox, const char *path, int is_directory, const struct owner *owner) {
  return walk(sandbox, path, path + text_length(path), is_directory, owner);
}

/* Where the last name of a path begins. */
static const char *last_name(const char *path) {
  const char *name = skip_slashes(path);
  for (const char *next = name; *next != 0;) {
    name = next;
    next = skip_slashes(next + name_length(next));
  }
  return name;
}

int parent_in_sandbox(int sandbox, const char *path, const struct owner *owner, const char **name) {
  *name = last_name(path);
  return walk(sandbox, path, *name, 1, owner);
}

int existing_without_links(const char *path) { return open_as_place(AT_FDCWD, path, RESOLVE_NO_SYMLINKS); }

int existing_in_root(int root, const char *path) { return open_as_place(root, path, RESOLVE_IN_ROOT); }

/* Makes the directories up to `end`, each seen from the root, so that links count from there. */
static int make_in_root(int root, const char *path, const char *end) {
  char prefix[PATH_LIMIT];
  size_t length = (size_t)(end - path);
  if (length >= sizeof prefix) return -ENAMETOOLONG;
  memcpy(prefix, path, length);
  prefix[length] = 0;
  while (length > 0 && prefix[length - 1] == '/') prefix[--length] = 0;
  int place = existing_in_root(root, length > 0 ? prefix : "/");
  if (place != -ENOENT || length == 0) return place;
  const char *name = last_name(prefix);
  int parent = make_in_root(root, prefix, name);
  if (parent < 0) return parent;
  long made = make(parent, name, 1, NULL);
  close_fd(parent);
  return made < 0 ? (int)made : existing_in_root(root, prefix);
}

int parent_in_root(int root, const char *path, const char **name) {
  *name = last_name(path);
  if (text_equal(*name, "..")) return -EINVAL;
  return make_in_root(root, path, *name);
}

int place_in_root(int root, const char *path, int is_directory) {
  int place = existing_in_root(root, path);
  if (place != -ENOENT) return place;
  const char *name;
  int parent = parent_in_root(root, path, &name);
  if (parent < 0) return parent;
  char one[NAME_LIMIT];
  long made = take_name(&name, one);
  if (made == 0) made = make(parent, one, is_directory, NULL);
  close_fd(parent);
  return made < 0 ? (int)made : existing_in_root(root, path);
}
