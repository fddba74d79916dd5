/* Devices of a cgroup: version 2 has no file for them, but asks a program at every opening of a device. */
#define _GNU_SOURCE
#include "CLaunch.h"

#include <errno.h>
#include <linux/bpf.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Registers: the kernel hands in a struct bpf_cgroup_dev_ctx in R1, and takes R0 as its answer. */
enum {
  ANSWER = BPF_REG_0,
  CONTEXT = BPF_REG_1,
  KIND = BPF_REG_2,
  ACCESS = BPF_REG_3,
  MAJOR = BPF_REG_4,
  MINOR = BPF_REG_5,
};

#define PROLOGUE 6 /* instructions before the rules */
#define PER_RULE 8 /* at most */
#define EPILOGUE 2
#define MOST_RULES 400 /* 4096 instructions are what an unprivileged program of old kernels had */

static struct bpf_insn load(int target, size_t offset) {
  return (struct bpf_insn){
      .code = BPF_LDX | BPF_MEM | BPF_W, .dst_reg = (uint8_t)target, .src_reg = CONTEXT, .off = (int16_t)offset};
}

static struct bpf_insn calculate(uint8_t operation, int target, int32_t value) {
  return (struct bpf_insn){
      .code = (uint8_t)(BPF_ALU64 | operation | BPF_K), .dst_reg = (uint8_t)target, .imm = value};
}

static struct bpf_insn copy(int target, int source) {
  return (struct bpf_insn){.code = BPF_ALU64 | BPF_MOV | BPF_X, .dst_reg = (uint8_t)target, .src_reg = (uint8_t)source};
}

/* Skips to the next rule; its distance is filled in at the end of the rule. */
static struct bpf_insn unless(int left, int32_t value) {
  return (struct bpf_insn){.code = BPF_JMP | BPF_JNE | BPF_K, .dst_reg = (uint8_t)left, .imm = value};
}

static size_t answer(struct bpf_insn *at, int32_t value) {
  at[0] = calculate(BPF_MOV, ANSWER, value);
  at[1] = (struct bpf_insn){.code = BPF_JMP | BPF_EXIT};
  return 2;
}

static size_t write_rule(struct bpf_insn *at, const struct launch_device *rule) {
  static const int32_t all = BPF_DEVCG_ACC_READ | BPF_DEVCG_ACC_WRITE | BPF_DEVCG_ACC_MKNOD;
  int32_t allowed = (rule->access & LAUNCH_DEVICE_READ ? BPF_DEVCG_ACC_READ : 0) |
                    (rule->access & LAUNCH_DEVICE_WRITE ? BPF_DEVCG_ACC_WRITE : 0) |
                    (rule->access & LAUNCH_DEVICE_MAKE ? BPF_DEVCG_ACC_MKNOD : 0);
  size_t count = 0;
  at[count++] = unless(KIND, rule->is_block ? BPF_DEVCG_DEV_BLOCK : BPF_DEVCG_DEV_CHAR);
  at[count++] = copy(ANSWER, ACCESS);
  at[count++] = calculate(BPF_AND, ANSWER, all & ~allowed);
  at[count++] = unless(ANSWER, 0);
  if (rule->major >= 0) at[count++] = unless(MAJOR, (int32_t)rule->major);
  if (rule->minor >= 0) at[count++] = unless(MINOR, (int32_t)rule->minor);
  size_t end = count + 2;
  for (size_t i = 0; i < count; i++)
    if (BPF_CLASS(at[i].code) == BPF_JMP) at[i].off = (int16_t)(end - i - 1);
  return count + answer(at + count, 1);
}

static size_t write_program(struct bpf_insn *at, const struct launch_device *rules, size_t rule_count) {
  size_t count = 0;
  at[count++] = load(KIND, offsetof(struct bpf_cgroup_dev_ctx, access_type));
  at[count++] = copy(ACCESS, KIND);
  at[count++] = calculate(BPF_AND, KIND, 0xffff);
  at[count++] = calculate(BPF_RSH, ACCESS, 16);
  at[count++] = load(MAJOR, offsetof(struct bpf_cgroup_dev_ctx, major));
  at[count++] = load(MINOR, offsetof(struct bpf_cgroup_dev_ctx, minor));
  for (size_t i = 0; i < rule_count; i++) count += write_rule(at + count, &rules[i]);
  return count + answer(at + count, 0);
}

static int load_program(const struct bpf_insn *instructions, size_t count) {
  union bpf_attr attributes;
  memset(&attributes, 0, sizeof attributes);
  attributes.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE;
  attributes.insns = (uintptr_t)instructions;
  attributes.insn_cnt = (uint32_t)count;
  attributes.license = (uintptr_t) "Apache-2.0";
  return (int)syscall(SYS_bpf, BPF_PROG_LOAD, &attributes, sizeof attributes);
}

/* Programs of groups above keep their say. */
static int attach_program(int program, int cgroup_fd) {
  union bpf_attr attributes;
  memset(&attributes, 0, sizeof attributes);
  attributes.target_fd = (uint32_t)cgroup_fd;
  attributes.attach_bpf_fd = (uint32_t)program;
  attributes.attach_type = BPF_CGROUP_DEVICE;
  attributes.attach_flags = BPF_F_ALLOW_MULTI;
  return (int)syscall(SYS_bpf, BPF_PROG_ATTACH, &attributes, sizeof attributes);
}

int launch_allow_devices(int cgroup_fd, const struct launch_device *rules, size_t rule_count) {
  if (rule_count > MOST_RULES) {
    errno = E2BIG;
    return -1;
  }
  struct bpf_insn *instructions = malloc((PROLOGUE + rule_count * PER_RULE + EPILOGUE) * sizeof *instructions);
  if (instructions == NULL) return -1;
  int program = load_program(instructions, write_program(instructions, rules, rule_count));
  int error = errno;
  free(instructions);
  errno = error;
  if (program < 0) return -1;
  /* The group holds the program from now on, and lets go of it when it is removed. */
  int status = attach_program(program, cgroup_fd);
  error = errno;
  close(program);
  errno = error;
  return status;
}
