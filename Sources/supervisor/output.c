#define _GNU_SOURCE
#include "output.h"

#include "kernel.h"
#include "text.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>

#define CHUNK 16384
#define NAME_LIMIT 32
/* As much as a pipe can be made to hold without privilege; who still writes then has no parent to wait for. */
#define LAST_CHUNKS 64

struct stream {
  const char *name;
  uint64_t limit;    /* bytes of a file */
  uint32_t kept;     /* older files, name.1 being the newest of them */
  int reader, writer; /* of the pipe; -1: closed */
  int file;          /* -1: there is none that can be written */
};

static struct stream streams[] = {{.name = "stdout", .reader = -1, .writer = -1, .file = -1},
                                  {.name = "stderr", .reader = -1, .writer = -1, .file = -1}};
#define STREAMS (int)(sizeof streams / sizeof *streams)

static int directory = -1, signals = -1;
/* Copies: the specification is gone when they are needed. */
static unsigned char owner[8];
static struct record user;
static char chunk[CHUNK];

int output_is_bounded(void) { return signals >= 0; }

int output_open(int sandbox, const char *name, const struct record *whose) {
  int fd = open_at(sandbox, name, O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_NONBLOCK, 0644);
  if (fd < 0) return fd;
  struct stat status;
  long error = KERNEL(fstat, fd, &status);
  if (error == 0 && (!S_ISREG(status.st_mode) || status.st_nlink != 1)) error = -EPERM;
  if (error == 0 && whose->payload != NULL)
    error = KERNEL(fchown, fd, spec_u32(whose->payload, 0), spec_u32(whose->payload, 4));
  if (error == 0) error = KERNEL(fcntl, fd, F_SETFL, O_APPEND);
  if (error == 0) return fd;
  close_fd(fd);
  return (int)error;
}

static void make_pipe(struct stream *stream) {
  int ends[2];
  long error = KERNEL(pipe2, ends, O_CLOEXEC);
  if (error < 0) fail(LAUNCH_STEP_SPAWN, error, "pipe2");
  stream->reader = ends[0];
  stream->writer = ends[1];
  KERNEL(fcntl, stream->reader, F_SETFL, O_NONBLOCK);
  /* Else a user could not open /dev/stdout. */
  if (user.payload != NULL) KERNEL(fchown, stream->writer, spec_u32(user.payload, 0), spec_u32(user.payload, 4));
}

void output_prepare(const struct spec *spec) {
  struct record bounds = spec_only(spec, LAUNCH_OUTPUT);
  if (bounds.payload == NULL) return;
  struct record given = spec_only(spec, LAUNCH_USER);
  if (given.payload != NULL) user.payload = memcpy(owner, given.payload, sizeof owner);
  directory = open_at(AT_FDCWD, spec->sandbox, O_RDONLY | O_DIRECTORY, 0);
  if (directory < 0) fail(LAUNCH_STEP_SANDBOX, directory, spec->sandbox);
  unsigned long child = 1ul << (SIGCHLD - 1); /* blocked, as all signals here */
  signals = (int)KERNEL(signalfd4, -1, &child, SIGNAL_SET_SIZE, O_CLOEXEC | O_NONBLOCK);
  if (signals < 0) fail(LAUNCH_STEP_SPAWN, signals, "signalfd4");
  /* Both outputs of a visitor go the same way, so that they keep their order. */
  for (int i = spec->visits ? ERROR_OUTPUT - OUTPUT : 0; i < STREAMS; i++) {
    struct stream *stream = &streams[i];
    stream->limit = spec_u64(bounds.payload, (size_t)i * 12);
    stream->kept = spec_u32(bounds.payload, (size_t)i * 12 + 8);
    stream->file = output_open(directory, stream->name, &user);
    if (stream->file < 0) fail(LAUNCH_STEP_SANDBOX, stream->file, stream->name);
    make_pipe(stream);
  }
}

int output_pipe(int descriptor) {
  int writer = streams[descriptor - OUTPUT].writer;
  return writer >= 0 ? writer : streams[ERROR_OUTPUT - OUTPUT].writer;
}

static void close_once(int *fd) {
  if (*fd >= 0) close_fd(*fd);
  *fd = -1;
}

void output_close_pipes(void) {
  for (int i = 0; i < STREAMS; i++) close_once(&streams[i].writer);
}

void output_close_all(void) {
  output_close_pipes();
  for (int i = 0; i < STREAMS; i++) {
    close_once(&streams[i].reader);
    close_once(&streams[i].file);
  }
  close_once(&directory);
  close_once(&signals);
}

/* The name of an older file; of the stream itself for 0. */
static const char *older(const struct stream *stream, uint32_t number, char name[NAME_LIMIT]) {
  char *end = text_append(name, name, NAME_LIMIT, stream->name);
  if (number == 0) return name;
  end = text_append(name, end, NAME_LIMIT, ".");
  text_append_number(name, end, NAME_LIMIT, number);
  return name;
}

/* Moves each file on by one name; the last one is gone then. What lies in the way is the user's doing. */
static void shift(struct stream *stream) {
  char from[NAME_LIMIT], to[NAME_LIMIT];
  long error = 0;
  if (stream->kept == 0) error = KERNEL(unlinkat, directory, stream->name, 0);
  for (uint32_t number = stream->kept; number > 0; number--)
    error = KERNEL(renameat2, directory, older(stream, number - 1, from), directory, older(stream, number, to), 0);
  /* It must not grow all the same. */
  if (error < 0) KERNEL(ftruncate, stream->file, 0);
}

/* The file is full. A visitor of the container may have moved it on already. */
static void turn(struct stream *stream, const struct stat *own) {
  struct stat named;
  if (KERNEL(newfstatat, directory, stream->name, &named, AT_SYMLINK_NOFOLLOW) == 0 && named.st_ino == own->st_ino &&
      named.st_dev == own->st_dev)
    shift(stream);
  close_fd(stream->file);
  stream->file = output_open(directory, stream->name, &user);
}

/* How much of so many bytes the file may take; 0: they have no place. */
static size_t room(struct stream *stream, size_t wanted) {
  if (stream->file < 0) stream->file = output_open(directory, stream->name, &user);
  for (int turns = 0; turns < 2 && stream->file >= 0; turns++) {
    struct stat status;
    if (KERNEL(fstat, stream->file, &status) < 0) return 0;
    uint64_t size = (uint64_t)status.st_size;
    if (size < stream->limit) return wanted < stream->limit - size ? wanted : (size_t)(stream->limit - size);
    turn(stream, &status);
  }
  return 0;
}

/* Drops what cannot be written: the disk may be full for long, and the command is not to wait for it. */
static void put(struct stream *stream, const char *bytes, size_t length) {
  while (length > 0) {
    size_t part = room(stream, length);
    long written = part > 0 ? KERNEL(write, stream->file, bytes, part) : 0;
    if (written == -EINTR) continue;
    if (written <= 0) return;
    bytes += written;
    length -= (size_t)written;
  }
}

/* Whether there may be more. */
static int move(struct stream *stream) {
  if (stream->reader < 0) return 0;
  long got = KERNEL(read, stream->reader, chunk, sizeof chunk);
  if (got > 0) put(stream, chunk, (size_t)got);
  if (got == 0) close_once(&stream->reader);
  return got > 0;
}

void output_move_until_child_ends(void) {
  while (output_is_bounded()) {
    struct pollfd fds[STREAMS + 1];
    for (int i = 0; i < STREAMS; i++) fds[i] = (struct pollfd){.fd = streams[i].reader, .events = POLLIN};
    fds[STREAMS] = (struct pollfd){.fd = signals, .events = POLLIN};
    KERNEL(ppoll, fds, STREAMS + 1, NULL, NULL, SIGNAL_SET_SIZE);
    for (int i = 0; i < STREAMS; i++)
      if (fds[i].revents != 0) move(&streams[i]);
    if (fds[STREAMS].revents == 0) continue;
    while (KERNEL(read, signals, chunk, sizeof chunk) > 0) continue;
    return;
  }
}

void output_move_rest(void) {
  for (int i = 0; i < STREAMS; i++)
    for (int chunks = 0; chunks < LAST_CHUNKS && move(&streams[i]); chunks++) continue;
}
