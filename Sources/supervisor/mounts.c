#define _GNU_SOURCE
#include "supervisor.h"

#include "kernel.h"
#include "places.h"
#include "text.h"

#include <fcntl.h>
#include <linux/mount.h>
#include <sys/mman.h>
#include <sys/stat.h>

#define UNMOUNT_DETACHED 2 /* MNT_DETACH, which is in a header that knows too little of the rest */

int sandbox_fd = -1;
/* The container's own root; -1 where it has the host's. */
static int root_fd = -1;

struct mount {
  uint32_t flags;
  const char *type, *source, *target, *options;
};

/* Who asks for a place in the sandbox says it by its path there; the whole path would not fit into a report. */
static _Noreturn void fail_place(const struct spec *spec, const char *source, const char *target, long error) {
  char detail[sizeof ((struct launch_report *)0)->detail];
  char *end = text_append(detail, detail, sizeof detail, source);
  end = text_append(detail, end, sizeof detail, " at ");
  const char *rest = text_below(target, spec->sandbox);
  end = text_append(detail, end, sizeof detail, rest != NULL ? rest : target);
  if (rest != NULL) text_append(detail, end, sizeof detail, " in the sandbox");
  fail(LAUNCH_STEP_MOUNT, error, detail);
}

static _Noreturn void fail_mount(const struct spec *spec, const struct mount *mount, long error) {
  fail_place(spec, *mount->source != 0 ? mount->source : mount->type, mount->target, error);
}

static struct owner owner_of(const struct spec *spec) {
  struct record user = spec_only(spec, LAUNCH_USER);
  if (user.payload == NULL) return (struct owner){(uid_t)-1, (gid_t)-1, 0};
  return (struct owner){spec_u32(user.payload, 0), spec_u32(user.payload, 4), 0};
}

/* What is to be mounted over. */
static int open_target(const struct spec *spec, const char *target, int is_directory) {
  const char *rest = text_below(target, spec->sandbox);
  struct owner owner = owner_of(spec);
  if (rest != NULL) return place_in_sandbox(sandbox_fd, rest, is_directory, &owner);
  if (spec->root != NULL) return place_in_root(root_fd, target, is_directory);
  return open_at(AT_FDCWD, target, O_PATH, 0);
}

/* A copy of a mount, attached nowhere. */
static int open_source(const struct spec *spec, const struct mount *mount) {
  unsigned flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | (mount->flags & LAUNCH_MOUNT_RECURSIVE ? AT_RECURSIVE : 0u);
  int place;
  if (mount->flags & LAUNCH_MOUNT_FROM_SANDBOX) {
    struct owner owner = owner_of(spec);
    owner.mode = mount->flags & LAUNCH_MOUNT_FOR_ALL ? 01777 : 0;
    place = place_in_sandbox(sandbox_fd, mount->source, 1, &owner);
  } else if (mount->flags & LAUNCH_MOUNT_NO_LINKS) {
    place = existing_without_links(mount->source);
  } else {
    return (int)KERNEL(open_tree, AT_FDCWD, mount->source, flags);
  }
  if (place < 0) return place;
  int tree = (int)KERNEL(open_tree, place, "", flags | AT_EMPTY_PATH);
  close_fd(place);
  return tree;
}

static uint64_t attributes(uint32_t flags) {
  return (flags & LAUNCH_MOUNT_READ_ONLY ? MOUNT_ATTR_RDONLY : 0u) |
         (flags & LAUNCH_MOUNT_NO_SUID ? MOUNT_ATTR_NOSUID : 0u) |
         (flags & LAUNCH_MOUNT_NO_DEVICES ? MOUNT_ATTR_NODEV : 0u) |
         (flags & LAUNCH_MOUNT_NO_EXECUTE ? MOUNT_ATTR_NOEXEC : 0u);
}

static long set_attributes(int tree, uint64_t set, int is_recursive) {
  struct mount_attr attr = {.attr_set = set};
  unsigned flags = AT_EMPTY_PATH | (is_recursive ? AT_RECURSIVE : 0u);
  return set == 0 ? 0 : KERNEL(mount_setattr, tree, "", flags, &attr, sizeof attr);
}

static long attach(int tree, int target) {
  return KERNEL(move_mount, tree, "", target, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH);
}

static int is_directory(int fd) {
  struct stat status;
  return KERNEL(newfstatat, fd, "", &status, AT_EMPTY_PATH) == 0 && S_ISDIR(status.st_mode);
}

/* It has its attributes before anybody can see it. */
static int prepare_source(const struct spec *spec, const struct mount *mount) {
  int tree = open_source(spec, mount);
  if (tree < 0) fail_mount(spec, mount, tree);
  long error = set_attributes(tree, attributes(mount->flags), (mount->flags & LAUNCH_MOUNT_RECURSIVE) != 0);
  if (error < 0) fail_mount(spec, mount, error);
  return tree;
}

static void bind(const struct spec *spec, const struct mount *mount, int tree) {
  int target = open_target(spec, mount->target, is_directory(tree));
  long error = target < 0 ? target : attach(tree, target);
  if (error < 0) fail_mount(spec, mount, error);
  close_fd(target);
  close_fd(tree);
}

static void mount_new(const struct spec *spec, const struct mount *mount) {
  int target = open_target(spec, mount->target, 1);
  if (target < 0) fail_mount(spec, mount, target);
  unsigned long flags = (mount->flags & LAUNCH_MOUNT_READ_ONLY ? MS_RDONLY : 0u) |
                        (mount->flags & LAUNCH_MOUNT_NO_SUID ? MS_NOSUID : 0u) |
                        (mount->flags & LAUNCH_MOUNT_NO_DEVICES ? MS_NODEV : 0u) |
                        (mount->flags & LAUNCH_MOUNT_NO_EXECUTE ? MS_NOEXEC : 0u);
  /* mount(2) takes paths only; the working directory is the one that cannot be led elsewhere. */
  long error = KERNEL(fchdir, target);
  if (error == 0) error = KERNEL(mount, mount->source, ".", mount->type, flags, mount->options);
  if (error < 0) fail_mount(spec, mount, error);
  close_fd(target);
}

static struct mount mount_of(const unsigned char *payload) {
  struct mount mount = {.flags = spec_u32(payload, 0), .type = (const char *)payload + 4};
  mount.source = mount.type + text_length(mount.type) + 1;
  mount.target = mount.source + text_length(mount.source) + 1;
  mount.options = mount.target + text_length(mount.target) + 1;
  return mount;
}

/* What the mounts bind, in the order of their records; -1 for one that binds nothing. */
static void prepare_sources(const struct spec *spec, int *source) {
  size_t offset = 0;
  for (struct record record = spec_next(spec, LAUNCH_MOUNT, &offset); record.payload != NULL;
       record = spec_next(spec, LAUNCH_MOUNT, &offset)) {
    struct mount mount = mount_of(record.payload);
    *source++ = mount.flags & LAUNCH_MOUNT_BIND ? prepare_source(spec, &mount) : -1;
  }
}

static void make_mount(const struct spec *spec, const unsigned char *payload, int source) {
  struct mount mount = mount_of(payload);
  if (mount.flags & LAUNCH_MOUNT_BIND)
    bind(spec, &mount, source);
  else
    mount_new(spec, &mount);
}

static void make_link(const struct spec *spec, const unsigned char *payload) {
  const char *content = (const char *)payload, *path = content + text_length(content) + 1, *name;
  const char *rest = text_below(path, spec->sandbox);
  struct owner owner = owner_of(spec);
  int parent = rest != NULL ? parent_in_sandbox(sandbox_fd, rest, &owner, &name) : parent_in_root(root_fd, path, &name);
  long error = parent < 0 ? parent : KERNEL(symlinkat, content, parent, name);
  if (error < 0) fail_place(spec, content, path, error);
  close_fd(parent);
}

/* Over itself, so that it has a mount of its own. */
static long cover_read_only(int place) {
  unsigned flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH | AT_RECURSIVE;
  int tree = (int)KERNEL(open_tree, place, "", flags);
  long error = tree < 0 ? tree : set_attributes(tree, MOUNT_ATTR_RDONLY, 1);
  if (error == 0) error = attach(tree, place);
  if (tree >= 0) close_fd(tree);
  return error;
}

/* By nothing: an empty directory, or /dev/null. */
static long cover_empty(int place) {
  if (is_directory(place)) {
    long error = KERNEL(fchdir, place);
    unsigned long flags = MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC;
    return error < 0 ? error : KERNEL(mount, "tmpfs", ".", "tmpfs", flags, "mode=555,nr_inodes=1");
  }
  int tree = (int)KERNEL(open_tree, AT_FDCWD, "/dev/null", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
  if (tree < 0) return tree;
  long error = attach(tree, place);
  close_fd(tree);
  return error;
}

/* What an own root shows of the kernel. */
static void shield(const char *path, long (*cover)(int place)) {
  int place = existing_in_root(root_fd, path);
  if (place == -ENOENT) return;
  long error = place < 0 ? place : cover(place);
  if (error < 0) fail(LAUNCH_STEP_ROOT, error, path);
  close_fd(place);
}

/* The new root, mounted over its own directory as pivot_root wants it, and the sandbox in it. */
static void make_root(const struct spec *spec) {
  unsigned flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC;
  int place = open_at(AT_FDCWD, spec->root, O_PATH | O_DIRECTORY, 0);
  if (place < 0) fail(LAUNCH_STEP_ROOT, place, spec->root);
  root_fd = (int)KERNEL(open_tree, place, "", flags | AT_EMPTY_PATH | AT_RECURSIVE);
  long error = root_fd < 0 ? root_fd : attach(root_fd, place);
  if (error < 0) fail(LAUNCH_STEP_ROOT, error, spec->root);
  close_fd(place);

  sandbox_fd = (int)KERNEL(open_tree, AT_FDCWD, spec->sandbox, flags);
  if (sandbox_fd < 0) fail(LAUNCH_STEP_SANDBOX, sandbox_fd, spec->sandbox);
  int target = place_in_root(root_fd, LAUNCH_SANDBOX_IN_ROOT, 1);
  error = target < 0 ? target : attach(sandbox_fd, target);
  if (error < 0) fail(LAUNCH_STEP_ROOT, error, LAUNCH_SANDBOX_IN_ROOT);
  close_fd(target);
}

/* Containers share it, so only what is mounted in it can be written. */
static void enter_root(const struct spec *spec) {
  long error = set_attributes(root_fd, MOUNT_ATTR_RDONLY, 0);
  if (error == 0) error = KERNEL(fchdir, root_fd);
  if (error == 0) error = KERNEL(pivot_root, ".", ".");
  /* The old root lies over the new one now. */
  if (error == 0) error = KERNEL(umount2, ".", UNMOUNT_DETACHED);
  if (error == 0) error = KERNEL(chdir, "/");
  if (error < 0) fail(LAUNCH_STEP_ROOT, error, spec->root);
  close_fd(root_fd);
}

void open_sandbox(const struct spec *spec) {
  sandbox_fd = open_at(AT_FDCWD, spec->sandbox, O_PATH | O_DIRECTORY, 0);
  if (sandbox_fd < 0) fail(LAUNCH_STEP_SANDBOX, sandbox_fd, spec->sandbox);
}

/* All sources are found before the first mount is made, which could lead their paths elsewhere. */
static void make_places(const struct spec *spec) {
  size_t length = spec->mount_count * sizeof(int), offset = 0;
  const int access = PROT_READ | PROT_WRITE, kind = MAP_PRIVATE | MAP_ANONYMOUS;
  long memory = length == 0 ? 0 : KERNEL(mmap, NULL, length, access, kind, -1, 0);
  if (memory < 0 && memory > -4096) fail(LAUNCH_STEP_MOUNT, memory, "anything");
  int *source = (int *)memory;
  prepare_sources(spec, source);
  for (struct record record = spec_step(spec, &offset); record.payload != NULL; record = spec_step(spec, &offset)) {
    if (record.type == LAUNCH_MOUNT) make_mount(spec, record.payload, *source++);
    if (record.type == LAUNCH_LINK) make_link(spec, record.payload);
    if (record.type == LAUNCH_READ_ONLY) shield((const char *)record.payload, cover_read_only);
    if (record.type == LAUNCH_HIDDEN) shield((const char *)record.payload, cover_empty);
  }
  if (length > 0) KERNEL(munmap, memory, length);
}

void make_mounts(const struct spec *spec) {
  if (spec->root != NULL) make_root(spec);
  else if (!spec->visits) open_sandbox(spec);
  make_places(spec);
  if (spec->root != NULL) enter_root(spec);
}
