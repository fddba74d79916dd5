#define _GNU_SOURCE
#include "supervisor.h"

#include "kernel.h"
#include "text.h"

#include <fcntl.h>

/* Both stay open for the life of the container: the path may be gone by its end, and the disk full. */
static int directory_fd = -1;
static int record_fd = -1;
static char record[LAUNCH_EXIT_LENGTH];

#define STATUS_DIGITS 10

void exit_record_prepare(const struct spec *spec) {
  size_t boot_length = text_length(spec->boot_id);
  if (boot_length > 36) fail(LAUNCH_STEP_SPECIFICATION, EINVAL, "the boot id is too long");
  memset(record, ' ', sizeof record);
  memcpy(record, LAUNCH_EXIT_RUNNING, 8);
  memcpy(record + 8, spec->boot_id, boot_length);
  record[8 + 36] = '\n';
  record[sizeof record - 1] = '\n';

  directory_fd = open_at(AT_FDCWD, spec->state_directory, O_RDONLY | O_DIRECTORY, 0);
  if (directory_fd < 0) fail(LAUNCH_STEP_STATE, directory_fd, spec->state_directory);
  KERNEL(unlinkat, directory_fd, LAUNCH_EXIT_FILE, 0);
  record_fd = open_at(directory_fd, LAUNCH_EXIT_PENDING, O_RDWR | O_CREAT | O_TRUNC | O_NOFOLLOW, 0644);
  if (record_fd < 0) fail(LAUNCH_STEP_STATE, record_fd, spec->state_directory);
  long written = KERNEL(pwrite64, record_fd, record, sizeof record, 0);
  if (written != (long)sizeof record) fail(LAUNCH_STEP_STATE, written < 0 ? written : ENOSPC, spec->state_directory);
}

/* Whether the record tells more than that the command runs. */
static int is_decided(void) {
  char word[8];
  return KERNEL(pread64, record_fd, word, sizeof word, 0) == sizeof word &&
         memcmp(word, LAUNCH_EXIT_RUNNING, sizeof word) != 0;
}

void exit_record_not_run(void) { KERNEL(pwrite64, record_fd, LAUNCH_EXIT_NOT_RUN, 8, 0); }

/*
 * No fsync: after a crash of the machine no process is left, whatever the record says, and the agent tells a status to
 * others only once it has stored it itself. A crash of the agent alone cannot lose what was written.
 */
void exit_record_write(int wait_status) {
  memcpy(record, LAUNCH_EXIT_ENDED, 8);
  unsigned rest = (unsigned)wait_status;
  for (int digit = STATUS_DIGITS - 1; digit >= 0; digit--, rest /= 10)
    record[8 + 37 + digit] = (char)('0' + rest % 10);
  /* The init of a pid namespace writes it too, and may be killed before the renaming, since the agent reads it at once.
   * What the supervisor saw is only the end of that init. */
  if (!is_decided() && KERNEL(pwrite64, record_fd, record, sizeof record, 0) != (long)sizeof record) return;
  /* Should this fail, the agent finds the same content in the pending file. */
  KERNEL(renameat2, directory_fd, LAUNCH_EXIT_PENDING, directory_fd, LAUNCH_EXIT_FILE, 0);
}
