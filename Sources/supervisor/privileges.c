#define _GNU_SOURCE
#include "supervisor.h"

#include "kernel.h"

#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <linux/securebits.h>
#include <sys/prctl.h>

/*
 * Capabilities after an exec follow from the user, the bounding and the ambient set (capabilities(7), "Transformation of
 * capabilities during execve"): root gets the bounding set, others the ambient one. So the command is given what it is
 * to have by these two. Until its exec the process is permitted what it was before; in effect is what the command will
 * have, which so can enter the directories and run the programs that it may.
 */
struct capabilities {
  int is_set;
  uint64_t bounding, of_root, of_others;
};

static struct capabilities wanted(const struct spec *spec) {
  struct record record = spec_only(spec, LAUNCH_CAPABILITIES);
  if (record.payload == NULL) return (struct capabilities){0};
  return (struct capabilities){1, spec_u64(record.payload, 0), spec_u64(record.payload, 8),
                               spec_u64(record.payload, 16)};
}

static int has(const struct spec *spec, uint32_t type) { return spec_only(spec, type).payload != NULL; }

/* Without no_new_privs the kernel takes a filter from CAP_SYS_ADMIN only. */
static int filter_needs_privilege(const struct spec *spec) {
  return has(spec, LAUNCH_SECCOMP) && !has(spec, LAUNCH_NO_NEW_PRIVILEGES);
}

void limit_capabilities(const struct spec *spec) {
  struct capabilities capabilities = wanted(spec);
  if (capabilities.is_set || filter_needs_privilege(spec)) {
    long error = KERNEL(prctl, PR_SET_KEEPCAPS, 1, 0, 0, 0);
    if (error < 0) fail(LAUNCH_STEP_PRIVILEGES, error, "cannot keep capabilities while the user is switched");
  }
  if (!capabilities.is_set) return;
  for (int capability = 0; capability < 64; capability++) {
    if (capabilities.bounding >> capability & 1) continue;
    long error = KERNEL(prctl, PR_CAPBSET_DROP, capability, 0, 0, 0);
    if (error == -EINVAL) break; /* the kernel knows no more of them */
    if (error < 0) fail(LAUNCH_STEP_PRIVILEGES, error, "cannot lower the bounding set, which needs CAP_SETPCAP");
  }
}

static uint64_t permitted(void) {
  struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
  struct __user_cap_data_struct data[2];
  long error = KERNEL(capget, &header, data);
  if (error < 0) fail(LAUNCH_STEP_PRIVILEGES, error, "cannot read capabilities");
  return data[0].permitted | (uint64_t)data[1].permitted << 32;
}

static void set(uint64_t permitted, uint64_t effective, uint64_t inheritable) {
  struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
  struct __user_cap_data_struct data[2] = {
      {(uint32_t)effective, (uint32_t)permitted, (uint32_t)inheritable},
      {(uint32_t)(effective >> 32), (uint32_t)(permitted >> 32), (uint32_t)(inheritable >> 32)}};
  long error = KERNEL(capset, &header, data);
  if (error < 0) fail(LAUNCH_STEP_PRIVILEGES, error, "cannot give capabilities that the agent has not got itself");
}

static void raise_ambient(uint64_t held) {
  for (int capability = 0; capability < 64; capability++) {
    if (!(held >> capability & 1)) continue;
    long error = KERNEL(prctl, PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capability, 0, 0);
    if (error < 0) fail(LAUNCH_STEP_PRIVILEGES, error, "cannot give a capability");
  }
}

void take_capabilities(const struct spec *spec) {
  struct capabilities capabilities = wanted(spec);
  uint64_t own = 0, working = filter_needs_privilege(spec) ? 1ull << CAP_SYS_ADMIN : 0;
  if (capabilities.is_set || working != 0) own = permitted();
  if (capabilities.is_set) {
    int is_root = KERNEL(getuid, 0) == 0;
    uint64_t held = is_root ? capabilities.of_root : capabilities.of_others;
    int by_ambient = !is_root || held != capabilities.bounding;
    if (is_root && by_ambient) {
      /* Else root's exec would give it all of the bounding set again. */
      long error = KERNEL(prctl, PR_SET_SECUREBITS, SECBIT_NOROOT | SECBIT_NOROOT_LOCKED, 0, 0, 0);
      if (error < 0) fail(LAUNCH_STEP_PRIVILEGES, error, "cannot take root's privileges away, which needs CAP_SETPCAP");
    }
    uint64_t inheritable = by_ambient ? held : 0;
    KERNEL(prctl, PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
    set(own, (held | working) & own, inheritable);
    if (by_ambient) raise_ambient(held);
  } else if (working != 0) {
    /* A switched user keeps them permitted only. Its exec takes them away. */
    set(own, KERNEL(getuid, 0) == 0 ? own : working & own, 0);
  }
  if (!has(spec, LAUNCH_NO_NEW_PRIVILEGES)) return;
  long error = KERNEL(prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  if (error < 0) fail(LAUNCH_STEP_PRIVILEGES, error, "cannot set no_new_privs");
}

void filter_system_calls(const struct spec *spec) {
  struct record record = spec_only(spec, LAUNCH_SECCOMP);
  if (record.payload == NULL) return;
  struct sock_fprog program = {
      .len = (unsigned short)(record.length / sizeof(struct sock_filter)),
      .filter = (struct sock_filter *)(record.payload + 4)};
  long error = KERNEL(seccomp, SECCOMP_SET_MODE_FILTER, spec_u32(record.payload, 0), &program);
  if (error < 0) fail(LAUNCH_STEP_SECCOMP, error, "cannot install the filter");
}
