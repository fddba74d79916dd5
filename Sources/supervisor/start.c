/* Where the kernel begins, in place of a C library's start. Arguments are for ps(1) only. */
#if defined(__x86_64__)
__asm__(
    ".text\n"
    ".globl _start\n"
    ".type _start, @function\n"
    "_start:\n"
    "  xor %ebp, %ebp\n"
    "  and $-16, %rsp\n"
    "  call main\n"
    "  mov %eax, %edi\n"
    "  mov $231, %eax\n" /* exit_group */
    "  syscall\n"
    "  ud2\n"
    ".size _start, . - _start\n");
#elif defined(__aarch64__)
__asm__(
    ".text\n"
    ".globl _start\n"
    ".type _start, %function\n"
    "_start:\n"
    "  mov x29, xzr\n"
    "  mov x30, xzr\n"
    "  bl main\n"
    "  mov x8, #94\n" /* exit_group */
    "  svc #0\n"
    "  brk #0\n"
    ".size _start, . - _start\n");
#endif
