/*
 * kernel.h - system calls, and nothing else of a C library.
 *
 * The start of a C library costs more than all that the supervisor does: on a virtual machine its look at the processor
 * alone takes half a millisecond, and its pages are most of a small process. All calls answer a negative errno for a
 * failure. Headers of the C library are used for constants and structures only.
 */
#ifndef KERNEL_H
#define KERNEL_H

#include <errno.h>
#include <sys/syscall.h>

#if defined(__x86_64__)
static inline long kernel_call(long number, long a, long b, long c, long d, long e, long f) {
  register long r10 __asm__("r10") = d, r8 __asm__("r8") = e, r9 __asm__("r9") = f;
  long answer;
  __asm__ volatile("syscall"
                   : "=a"(answer)
                   : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                   : "rcx", "r11", "memory");
  return answer;
}
#elif defined(__aarch64__)
static inline long kernel_call(long number, long a, long b, long c, long d, long e, long f) {
  register long x8 __asm__("x8") = number, x0 __asm__("x0") = a, x1 __asm__("x1") = b, x2 __asm__("x2") = c,
                x3 __asm__("x3") = d, x4 __asm__("x4") = e, x5 __asm__("x5") = f;
  __asm__ volatile("svc #0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5) : "memory");
  return x0;
}
#else
#error "the supervisor knows how to call the kernel on x86-64 and arm64 only"
#endif

/* KERNEL(openat, directory, "name", flags, mode): any number of arguments from one to six. */
#define KERNEL(name, ...) KERNEL_SIX(SYS_##name, __VA_ARGS__, 0, 0, 0, 0, 0, 0)
#define KERNEL_SIX(number, a, b, c, d, e, f, ...) \
  kernel_call(number, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))

#define SIGNAL_SET_SIZE 8 /* of the kernel's signal sets, in bytes */

/* As the flags say; nothing that is opened stays so over an exec. */
static inline int open_at(int directory, const char *path, int flags, unsigned mode) {
  return (int)KERNEL(openat, directory, path, flags | 02000000 /* O_CLOEXEC everywhere */, mode);
}

static inline void close_fd(int fd) { KERNEL(close, fd); }

#endif
