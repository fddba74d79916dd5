#define _GNU_SOURCE
#include "supervisor.h"

#include "kernel.h"
#include "text.h"

#include <sys/mman.h>
#include <sys/stat.h>

#define HEADER_LENGTH 12
#define RECORD_LENGTH 8
#define MOUNT_TEXTS 4
#define LINK_TEXTS 2
#define INSTRUCTION_LENGTH 8 /* struct sock_filter */
#define INSTRUCTIONS_LIMIT 4096 /* BPF_MAXINSNS */

uint32_t spec_u32(const unsigned char *payload, size_t offset) {
  uint32_t value;
  memcpy(&value, payload + offset, sizeof value);
  return value;
}

uint64_t spec_u64(const unsigned char *payload, size_t offset) {
  uint64_t value;
  memcpy(&value, payload + offset, sizeof value);
  return value;
}

/* Whether the payload from `offset` on is exactly `count` texts. */
static int holds_texts(const struct record *record, size_t offset, int count) {
  while (count-- > 0) {
    while (offset < record->length && record->payload[offset] != 0) offset++;
    if (offset >= record->length) return 0;
    offset++;
  }
  return offset == record->length;
}

static int is_well_formed(const struct record *record) {
  uint32_t instructions = record->length / INSTRUCTION_LENGTH;
  switch (record->type) {
    case LAUNCH_STATE_DIRECTORY:
    case LAUNCH_BOOT_ID:
    case LAUNCH_SANDBOX:
    case LAUNCH_WORKING_DIRECTORY:
    case LAUNCH_PROGRAM:
    case LAUNCH_ARGUMENT:
    case LAUNCH_ENVIRONMENT:
    case LAUNCH_HOSTNAME:
    case LAUNCH_READ_ONLY:
    case LAUNCH_HIDDEN:
    case LAUNCH_ROOT: return holds_texts(record, 0, 1);
    case LAUNCH_USER: return record->length >= 8 && record->length % 4 == 0;
    case LAUNCH_NAMESPACES: return record->length == 4;
    case LAUNCH_JOIN: return record->length == 8;
    case LAUNCH_RLIMIT: return record->length == 20;
    case LAUNCH_MOUNT: return record->length >= 4 && holds_texts(record, 4, MOUNT_TEXTS);
    case LAUNCH_LINK: return holds_texts(record, 0, LINK_TEXTS);
    case LAUNCH_CAPABILITIES:
    case LAUNCH_OUTPUT: return record->length == 24;
    case LAUNCH_PAUSE:
    case LAUNCH_VISIT:
    case LAUNCH_NO_NEW_PRIVILEGES: return record->length == 0;
    case LAUNCH_SECCOMP:
      return record->length % INSTRUCTION_LENGTH == 4 && instructions > 0 && instructions <= INSTRUCTIONS_LIMIT;
    default: return 0;
  }
}

/* Takes over a checked record. 0 if it came before and may not come again. */
static int accept(struct spec *spec, const struct record *record, uint32_t *seen) {
  const char *text = (const char *)record->payload;
  switch (record->type) {
    case LAUNCH_ARGUMENT: spec->argument_count++; return 1;
    case LAUNCH_ENVIRONMENT: spec->environment_count++; return 1;
    case LAUNCH_MOUNT: spec->mount_count++; return 1;
    case LAUNCH_RLIMIT:
    case LAUNCH_READ_ONLY:
    case LAUNCH_HIDDEN:
    case LAUNCH_LINK: return 1;
    case LAUNCH_STATE_DIRECTORY: spec->state_directory = text; break;
    case LAUNCH_BOOT_ID: spec->boot_id = text; break;
    case LAUNCH_SANDBOX: spec->sandbox = text; break;
    case LAUNCH_WORKING_DIRECTORY: spec->working_directory = text; break;
    case LAUNCH_PROGRAM: spec->program = text; break;
    case LAUNCH_HOSTNAME: spec->hostname = text; break;
    case LAUNCH_ROOT: spec->root = text; break;
    case LAUNCH_NAMESPACES: spec->namespaces = spec_u32(record->payload, 0); break;
    case LAUNCH_PAUSE: spec->pauses = 1; break;
    case LAUNCH_VISIT: spec->visits = 1; break;
    case LAUNCH_JOIN:
      spec->joined = spec_u32(record->payload, 0);
      spec->joined_pid = (pid_t)spec_u32(record->payload, 4);
      break;
    default: break;
  }
  uint32_t bit = 1u << record->type;
  if (*seen & bit) return 0;
  *seen |= bit;
  return 1;
}

/* The record at an offset; type 0 if none fits there. */
static struct record record_at(const struct spec *spec, size_t offset) {
  struct record record = {0};
  if (spec->length - offset < RECORD_LENGTH) return record;
  uint32_t length = spec_u32(spec->bytes, offset + 4);
  if (length > spec->length - offset - RECORD_LENGTH) return record;
  return (struct record){spec_u32(spec->bytes, offset), length, spec->bytes + offset + RECORD_LENGTH};
}

static const char *check(struct spec *spec) {
  if (spec->length < HEADER_LENGTH) return "the specification is shorter than its header";
  if (spec_u32(spec->bytes, 0) != LAUNCH_SPEC_MAGIC) return "not a launch specification";
  if (spec_u32(spec->bytes, 4) != LAUNCH_SPEC_VERSION)
    return "agent and supervisor are of different versions; install both from one build";
  if (spec_u32(spec->bytes, 8) != spec->length) return "the specification is cut";
  uint32_t seen = 0;
  for (size_t offset = HEADER_LENGTH; offset < spec->length;) {
    struct record record = record_at(spec, offset);
    if (record.type == 0 || !is_well_formed(&record)) return "a record of the specification is malformed";
    if (!accept(spec, &record, &seen)) return "a record of the specification comes twice";
    offset += RECORD_LENGTH + record.length;
  }
  if (spec->state_directory == NULL || spec->boot_id == NULL || spec->sandbox == NULL ||
      spec->working_directory == NULL || spec->program == NULL || spec->argument_count == 0)
    return "a record of the specification is missing";
  return NULL;
}

int spec_open(int fd, struct spec *spec, const char **detail) {
  *spec = (struct spec){0};
  *detail = "cannot read the specification";
  struct stat status;
  long error = KERNEL(fstat, fd, &status);
  if (error < 0) return (int)-error;
  if (status.st_size <= 0 || status.st_size > LAUNCH_SPEC_LIMIT) return E2BIG;
  long bytes = KERNEL(mmap, NULL, status.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
  if (bytes < 0 && bytes > -4096) return (int)-bytes;
  spec->bytes = (const unsigned char *)bytes;
  spec->length = (size_t)status.st_size;
  *detail = check(spec);
  return *detail == NULL ? 0 : EINVAL;
}

void spec_close(const struct spec *spec) { KERNEL(munmap, spec->bytes, spec->length); }

struct record spec_step(const struct spec *spec, size_t *offset) {
  if (*offset == 0) *offset = HEADER_LENGTH;
  if (*offset >= spec->length) return (struct record){0};
  struct record record = record_at(spec, *offset);
  *offset += RECORD_LENGTH + record.length;
  return record;
}

struct record spec_next(const struct spec *spec, uint32_t type, size_t *offset) {
  struct record record;
  do record = spec_step(spec, offset);
  while (record.payload != NULL && record.type != type);
  return record;
}

struct record spec_only(const struct spec *spec, uint32_t type) {
  size_t offset = 0;
  return spec_next(spec, type, &offset);
}
