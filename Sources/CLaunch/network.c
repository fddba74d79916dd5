#define _GNU_SOURCE
#include "CLaunch.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <sys/socket.h>

struct making {
  int network_fd;
  int domain;
  int fd;
  int error;
};

/* Only this thread, which ends with it, is in the other network; a socket stays in the one that it was made in. */
static void *make_socket(void *context) {
  struct making *making = context;
  if (setns(making->network_fd, CLONE_NEWNET) == 0)
    making->fd = socket(making->domain, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  making->error = errno;
  return NULL;
}

int launch_socket(int network_fd, int is_ipv6) {
  struct making making = {.network_fd = network_fd, .domain = is_ipv6 ? AF_INET6 : AF_INET, .fd = -1};
  pthread_t thread;
  int error = pthread_create(&thread, NULL, make_socket, &making);
  if (error == 0) pthread_join(thread, NULL);
  errno = error != 0 ? error : making.error;
  return making.fd;
}
