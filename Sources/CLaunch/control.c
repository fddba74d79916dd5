#define _GNU_SOURCE
#include "CLaunch.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

int launch_memory_file(const char *name, const void *content, size_t length) {
  int fd = memfd_create(name, MFD_CLOEXEC);
  if (fd < 0) return -1;
  for (size_t done = 0; done < length;) {
    ssize_t written = write(fd, (const char *)content + done, length - done);
    if (written < 0 && errno != EINTR) {
      int error = errno;
      close(fd);
      errno = error;
      return -1;
    }
    if (written > 0) done += (size_t)written;
  }
  return fd;
}

int launch_control_pair(int ends[2]) {
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0) return -1;
  int on = 1;
  if (setsockopt(ends[0], SOL_SOCKET, SO_PASSCRED, &on, sizeof on) == 0 && fcntl(ends[0], F_SETFL, O_NONBLOCK) == 0)
    return 0;
  int error = errno;
  close(ends[0]);
  close(ends[1]);
  errno = error;
  return -1;
}

int launch_control_receive(int control_fd, struct launch_report *report, pid_t *sender) {
  union {
    struct cmsghdr header;
    char space[CMSG_SPACE(sizeof(struct ucred))];
  } control;
  struct iovec part = {.iov_base = report, .iov_len = sizeof *report};
  struct msghdr message = {
      .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
  ssize_t length;
  do length = recvmsg(control_fd, &message, MSG_CMSG_CLOEXEC);
  while (length < 0 && errno == EINTR);
  if (length <= 0) return (int)length;
  report->detail[sizeof report->detail - 1] = 0;
  *sender = 0;
  for (struct cmsghdr *one = CMSG_FIRSTHDR(&message); one != NULL; one = CMSG_NXTHDR(&message, one)) {
    if (one->cmsg_level != SOL_SOCKET || one->cmsg_type != SCM_CREDENTIALS) continue;
    struct ucred credentials;
    memcpy(&credentials, CMSG_DATA(one), sizeof credentials);
    *sender = credentials.pid;
  }
  if (length == (ssize_t)sizeof *report) return 1;
  errno = EPROTO;
  return -1;
}
