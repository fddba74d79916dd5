#define _GNU_SOURCE
#include "CLaunch.h"

#include <errno.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

void launch_name_thread(const char *name) { prctl(PR_SET_NAME, name, 0, 0, 0); }

int launch_pidfd_open(pid_t pid) { return (int)syscall(SYS_pidfd_open, pid, 0); }

int launch_pidfd_signal(int pidfd, int signal) {
  return (int)syscall(SYS_pidfd_send_signal, pidfd, signal, NULL, 0);
}

int launch_pidfd_reap(int pidfd, int *status) {
  siginfo_t info = {0};
  int answer;
  do answer = waitid(P_PIDFD, (id_t)pidfd, &info, WEXITED | WNOHANG);
  while (answer < 0 && errno == EINTR);
  if (answer < 0) return -1;
  if (info.si_pid == 0) return 0;
  switch (info.si_code) {
    case CLD_EXITED: *status = (info.si_status & 0xff) << 8; break;
    case CLD_DUMPED: *status = info.si_status | 0x80; break;
    default: *status = info.si_status;
  }
  return 1;
}
