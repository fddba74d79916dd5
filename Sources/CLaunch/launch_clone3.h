/*
 * launch_clone3.h - clone3(2) for a child that runs on a stack of its own, which a call through a C library's syscall()
 * cannot give: with shared memory the child must not return into its parent's frames. Included once in a program.
 */
#ifndef LAUNCH_CLONE3_H
#define LAUNCH_CLONE3_H

#include <linux/sched.h>
#include <stddef.h>

/* Calls body(context) in the child; the body never returns. Without a stack in `arguments` the child goes on with a copy
 * of the parent's, as after fork(2). Answers the child's pid or a negative errno; -ENOSYS where there is no assembly
 * for the architecture. */
#if defined(__x86_64__)
long launch_clone3(struct clone_args *arguments, size_t size, void (*body)(void *), void *context);
__asm__(
    ".text\n"
    ".globl launch_clone3\n"
    ".hidden launch_clone3\n"
    ".type launch_clone3, @function\n"
    "launch_clone3:\n"
    "  mov %rcx, %r8\n" /* the kernel clobbers rcx and r11 */
    "  mov $435, %eax\n"
    "  syscall\n"
    "  test %rax, %rax\n"
    "  jz 1f\n"
    "  ret\n"
    "1:\n"
    "  xor %ebp, %ebp\n"
    "  and $-16, %rsp\n"
    "  mov %r8, %rdi\n"
    "  call *%rdx\n"
    "  ud2\n" /* the body never returns */
    ".size launch_clone3, . - launch_clone3\n");
#elif defined(__aarch64__)
long launch_clone3(struct clone_args *arguments, size_t size, void (*body)(void *), void *context);
__asm__(
    ".text\n"
    ".globl launch_clone3\n"
    ".hidden launch_clone3\n"
    ".type launch_clone3, %function\n"
    "launch_clone3:\n"
    "  mov x8, #435\n"
    "  svc #0\n"
    "  cbz x0, 1f\n"
    "  ret\n"
    "1:\n"
    "  mov x29, xzr\n"
    "  mov x0, x3\n"
    "  blr x2\n"
    "  brk #0\n" /* the body never returns */
    ".size launch_clone3, . - launch_clone3\n");
#else
static long launch_clone3(struct clone_args *arguments, size_t size, void (*body)(void *), void *context) {
  (void)arguments, (void)size, (void)body, (void)context;
  return -38; /* ENOSYS */
}
#endif

#endif
