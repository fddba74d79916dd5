/* The profile for those who name none, and how a filter leaves libseccomp. */
#define _GNU_SOURCE
#include "seccomp_module.h"

#include <errno.h>
#include <sched.h>
#include <seccomp.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

/* What no task needs and what changes the machine, looks into others, or has been a way out of containers. */
static const char *const denied[] = {
    "_sysctl", "acct", "add_key", "adjtimex", "bpf", "clock_adjtime", "clock_settime", "create_module",
    "delete_module", "finit_module", "fsconfig", "fsmount", "fsopen", "fspick", "get_kernel_syms", "init_module",
    "io_uring_enter", "io_uring_register", "io_uring_setup", "ioperm", "iopl", "kexec_file_load", "kexec_load", "keyctl",
    "lookup_dcookie", "mount", "mount_setattr", "move_mount", "move_pages", "name_to_handle_at", "nfsservctl",
    "open_by_handle_at", "open_tree", "perf_event_open", "pivot_root", "query_module", "quotactl", "quotactl_fd",
    "reboot", "request_key", "setns", "settimeofday", "stime", "swapoff", "swapon", "sysfs", "syslog", "umount",
    "umount2", "unshare", "uselib", "userfaultfd", "ustat", "vhangup", "vm86", "vm86old",
};

/* Flags of clone(2) that make namespaces. */
static const uint64_t namespaces[] = {CLONE_NEWNS,  CLONE_NEWCGROUP, CLONE_NEWUTS, CLONE_NEWIPC,
                                      CLONE_NEWUSER, CLONE_NEWPID,    CLONE_NEWNET};

static int deny(scmp_filter_ctx context, const char *name, int error) {
  int number = seccomp_syscall_resolve_name(name);
  /* Not on this architecture. */
  if (number == __NR_SCMP_ERROR) return 0;
  return seccomp_rule_add(context, SCMP_ACT_ERRNO((uint32_t)error), number, 0);
}

static int add_rules(scmp_filter_ctx context) {
  int error = 0;
#if defined(__x86_64__)
  error = seccomp_arch_add(context, SCMP_ARCH_X86);
  if (error == 0) error = seccomp_arch_add(context, SCMP_ARCH_X32);
#endif
  for (size_t i = 0; error == 0 && i < sizeof denied / sizeof *denied; i++) error = deny(context, denied[i], EPERM);
  for (size_t i = 0; error == 0 && i < sizeof namespaces / sizeof *namespaces; i++) {
    struct scmp_arg_cmp flag = SCMP_A0(SCMP_CMP_MASKED_EQ, namespaces[i], namespaces[i]);
    error = seccomp_rule_add(context, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(clone), 1, flag);
  }
  /* Its flags lie in memory, where no filter can look. C libraries take clone then. */
  return error != 0 ? error : deny(context, "clone3", ENOSYS);
}

tepui_status compile_builtin(filter *filter, tepui_error *error) {
  scmp_filter_ctx context = seccomp_init(SCMP_ACT_ALLOW);
  if (context == NULL) return tepui_fail(error, TEPUI_FAILED, "libseccomp does not start");
  int problem = add_rules(context);
  tepui_status status = problem == 0 ? export_filter(context, filter, error)
                                     : tepui_fail(error, TEPUI_FAILED, "the built-in profile: %s", strerror(-problem));
  seccomp_release(context);
  return status;
}

tepui_status export_filter(void *context, filter *filter, tepui_error *error) {
  /* A tree rather than a list: a call costs some ten instructions instead of hundreds. Older libraries don't know it. */
  (void)seccomp_attr_set(context, SCMP_FLTATR_CTL_OPTIMIZE, 2);
  int file = memfd_create("filter", MFD_CLOEXEC);
  int problem = file < 0 ? -errno : seccomp_export_bpf(context, file);
  off_t length = problem == 0 ? lseek(file, 0, SEEK_END) : 0;
  filter->bytes = length > 0 ? malloc((size_t)length) : NULL;
  if (filter->bytes == NULL && problem == 0) problem = -ENOMEM;
  if (problem == 0 && pread(file, filter->bytes, (size_t)length, 0) != length) problem = -EIO;
  if (file >= 0) close(file);
  filter->length = (uint64_t)length;
  if (problem == 0) return TEPUI_OK;
  free(filter->bytes);
  filter->bytes = NULL;
  return tepui_fail(error, TEPUI_FAILED, "cannot compile the profile: %s", strerror(-problem));
}
