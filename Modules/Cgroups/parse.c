/* Parameters that are more than a number. */
#define _DEFAULT_SOURCE
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include "cgroups.h"

/* Copies a part between separators without the blanks around it; 0 at the end. A part that does not fit is cut, and
 * then refused by whoever reads it. */
static int next_part(tepui_text *rest, char separator, char *part, size_t capacity) {
  while (rest->length > 0) {
    const char *end = memchr(rest->bytes, separator, rest->length);
    uint64_t length = end != NULL ? (uint64_t)(end - rest->bytes) : rest->length;
    const char *start = rest->bytes, *stop = rest->bytes + length;
    uint64_t used = length + (end != NULL);
    rest->bytes += used;
    rest->length -= used;
    while (start < stop && isspace((unsigned char)*start)) start++;
    while (stop > start && isspace((unsigned char)stop[-1])) stop--;
    if (start == stop) continue;
    snprintf(part, capacity, "%.*s", (int)(stop - start), start);
    return 1;
  }
  return 0;
}

static int is_number(const char *text) {
  size_t length = strspn(text, "0123456789");
  return length > 0 && length <= 18 && text[length] == '\0';
}

static tepui_status refuse(tepui_error *error, const char *name, const char *part, const char *expected) {
  return tepui_fail(error, TEPUI_INVALID, "%s: \"%s\" is not %s", name, part, expected);
}

tepui_status cgroups_add_line(cgroups *self, const char *file, const char *value, tepui_error *error) {
  if (self->line_count == MOST_LINES)
    return tepui_fail(error, TEPUI_INVALID, "%s: more than %d lines for cpuset, io and hugetlb together", file,
                      MOST_LINES);
  cgroups_line *line = &self->lines[self->line_count++];
  snprintf(line->file, sizeof line->file, "%s", file);
  snprintf(line->value, sizeof line->value, "%s", value);
  return TEPUI_OK;
}

tepui_status cgroups_parse_pids_max(tepui_text text, cgroups *self, tepui_error *error) {
  if (tepui_text_is(text, "unlimited")) {
    snprintf(self->pids_max, sizeof self->pids_max, "max");
    return TEPUI_OK;
  }
  int is_valid = text.length > 0 && text.length <= 9 && text.bytes[0] != '0';
  for (uint64_t i = 0; is_valid && i < text.length; i++) is_valid = text.bytes[i] >= '0' && text.bytes[i] <= '9';
  if (!is_valid)
    return tepui_fail(error, TEPUI_INVALID,
                      "pids_max: \"%.*s\" is neither a number from 1 to 999999999 nor \"unlimited\"", (int)text.length,
                      text.bytes);
  snprintf(self->pids_max, sizeof self->pids_max, "%.*s", (int)text.length, text.bytes);
  return TEPUI_OK;
}

/* One number or a range of them. */
static int is_range(const char *part) {
  char *end;
  if (!isdigit((unsigned char)*part)) return 0;
  unsigned long first = strtoul(part, &end, 10), last = first;
  if (*end == '-' && isdigit((unsigned char)end[1])) last = strtoul(end + 1, &end, 10);
  return *end == '\0' && first <= last && last < 65536;
}

tepui_status cgroups_parse_cpu_list(const char *name, const char *file, tepui_text text, cgroups *self,
                                    tepui_error *error) {
  if (text.length == 0) return TEPUI_OK;
  char list[LINE_LENGTH] = "", part[LINE_LENGTH];
  size_t length = 0;
  for (tepui_text rest = text; next_part(&rest, ',', part, sizeof part);) {
    if (!is_range(part)) return refuse(error, name, part, "a number or a range such as 0-3");
    int more = snprintf(list + length, sizeof list - length, "%s%s", length > 0 ? "," : "", part);
    length += (size_t)more;
    if (length >= sizeof list) return refuse(error, name, part, "within 127 characters; join neighbours to ranges");
  }
  return cgroups_add_line(self, file, list, error);
}

/* "8:0" or the path of a device, to its numbers. */
static tepui_status find_device(const char *name, const char *text, int is_block, int64_t *major_number,
                                int64_t *minor_number, tepui_error *error) {
  char *end;
  if (text[0] != '/') {
    *major_number = strtoll(text, &end, 10);
    if (end != text && *end == ':' && isdigit((unsigned char)end[1])) {
      *minor_number = strtoll(end + 1, &end, 10);
      if (*end == '\0') return TEPUI_OK;
    }
    return refuse(error, name, text, "a device: its numbers such as 8:0, or its path");
  }
  struct stat status;
  if (stat(text, &status) != 0) return tepui_fail(error, TEPUI_INVALID, "%s: %s: %s", name, text, strerror(errno));
  if (is_block ? !S_ISBLK(status.st_mode) : !S_ISBLK(status.st_mode) && !S_ISCHR(status.st_mode))
    return refuse(error, name, text, is_block ? "a block device" : "a device");
  *major_number = (int64_t)major(status.st_rdev);
  *minor_number = (int64_t)minor(status.st_rdev);
  return TEPUI_OK;
}

static int is_io_limit(const char *word) {
  static const char *keys[] = {"rbps=", "wbps=", "riops=", "wiops="};
  for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
    const char *value = word + strlen(keys[i]);
    if (strncmp(word, keys[i], strlen(keys[i])) == 0) return is_number(value) || strcmp(value, "max") == 0;
  }
  return 0;
}

tepui_status cgroups_parse_io_max(tepui_text text, cgroups *self, tepui_error *error) {
  char part[LINE_LENGTH], word[LINE_LENGTH];
  for (tepui_text rest = text; next_part(&rest, ';', part, sizeof part);) {
    tepui_text words = tepui_text_of(part);
    int64_t major_number = 0, minor_number = 0;
    next_part(&words, ' ', word, sizeof word);
    tepui_status status = find_device("io_max", word, 1, &major_number, &minor_number, error);
    if (status != TEPUI_OK) return status;
    char line[LINE_LENGTH];
    size_t start = (size_t)snprintf(line, sizeof line, "%lld:%lld", (long long)major_number, (long long)minor_number);
    size_t length = start;
    while (next_part(&words, ' ', word, sizeof word)) {
      if (!is_io_limit(word))
        return refuse(error, "io_max", word, "rbps=, wbps=, riops= or wiops= and a number or max");
      length += (size_t)snprintf(line + length, sizeof line - length, " %s", word);
      if (length >= sizeof line) return refuse(error, "io_max", part, "within 127 characters");
    }
    if (length == start) return refuse(error, "io_max", part, "a device and its limits: 8:0 rbps=1048576 wiops=100");
    status = cgroups_add_line(self, "io.max", line, error);
    if (status != TEPUI_OK) return status;
  }
  return TEPUI_OK;
}

tepui_status cgroups_parse_hugetlb_max(tepui_text text, cgroups *self, tepui_error *error) {
  static const char expected[] = "the size of a page and bytes: 2MB=67108864";
  char part[LINE_LENGTH], file[40];
  for (tepui_text rest = text; next_part(&rest, ',', part, sizeof part);) {
    char *equals = strchr(part, '=');
    size_t digits = strspn(part, "0123456789");
    int is_size = equals != NULL && digits > 0 && digits < 8 && equals == part + digits + 2 && equals[-1] == 'B' &&
                  strchr("KMG", equals[-2]) != NULL;
    if (!is_size || !(is_number(equals + 1) || strcmp(equals + 1, "max") == 0))
      return refuse(error, "hugetlb_max", part, expected);
    snprintf(file, sizeof file, "hugetlb.%.*s.max", (int)(equals - part), part);
    tepui_status status = cgroups_add_line(self, file, equals + 1, error);
    if (status != TEPUI_OK) return status;
  }
  return TEPUI_OK;
}

static tepui_status add_device(cgroups *self, uint32_t kind, int64_t major_number, int64_t minor_number,
                               uint32_t access, tepui_error *error) {
  if (self->device_count == MOST_DEVICES)
    return tepui_fail(error, TEPUI_INVALID, "devices_allow: more than %d devices", MOST_DEVICES);
  self->devices[self->device_count++] = (tepui_device){
      .size = sizeof(tepui_device), .access = access, .kind = kind, .major = major_number, .minor = minor_number};
  return TEPUI_OK;
}

void cgroups_add_usual_devices(cgroups *self) {
  static const uint32_t all = TEPUI_DEVICE_READ | TEPUI_DEVICE_WRITE | TEPUI_DEVICE_MAKE;
  /* null, zero, full, random, urandom; tty, console, ptmx; pseudo terminals. Nodes of any device may be made. */
  static const int numbers[][2] = {{1, 3}, {1, 5}, {1, 7}, {1, 8}, {1, 9}, {5, 0}, {5, 1}, {5, 2}, {136, -1}};
  for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
    add_device(self, TEPUI_DEVICE_CHARACTER, numbers[i][0], numbers[i][1], all, NULL);
  add_device(self, TEPUI_DEVICE_CHARACTER, -1, -1, TEPUI_DEVICE_MAKE, NULL);
  add_device(self, TEPUI_DEVICE_BLOCK, -1, -1, TEPUI_DEVICE_MAKE, NULL);
}

/* Letters of r, w and m. 0 for anything else. */
static uint32_t parse_access(const char *word) {
  uint32_t access = 0;
  for (; *word != '\0'; word++) {
    uint32_t bit = *word == 'r' ? TEPUI_DEVICE_READ : *word == 'w' ? TEPUI_DEVICE_WRITE
                                                  : *word == 'm'   ? TEPUI_DEVICE_MAKE : 0;
    if (bit == 0) return 0;
    access |= bit;
  }
  return access;
}

tepui_status cgroups_parse_devices_allow(tepui_text text, cgroups *self, tepui_error *error) {
  static const char expected[] = "a device and its uses: /dev/fuse rw, or c 10:229 rwm, or b 8:* r";
  char part[LINE_LENGTH], words[4][LINE_LENGTH];
  for (tepui_text rest = text; next_part(&rest, ';', part, sizeof part);) {
    tepui_text left = tepui_text_of(part);
    size_t count = 0;
    while (count < 4 && next_part(&left, ' ', words[count], sizeof words[count])) count++;
    uint32_t access = count > 0 && count < 4 ? parse_access(words[count - 1]) : 0;
    int has_kind = count == 3 && (strcmp(words[0], "c") == 0 || strcmp(words[0], "b") == 0);
    int is_path = count == 2 && words[0][0] == '/';
    if (access == 0 || !(has_kind || is_path)) return refuse(error, "devices_allow", part, expected);
    const char *device = words[count - 2];
    int64_t major_number = -1, minor_number = -1;
    uint32_t kind = words[0][0] == 'b' ? TEPUI_DEVICE_BLOCK : TEPUI_DEVICE_CHARACTER;
    char *colon = strchr(words[count - 2], ':');
    if (has_kind && colon != NULL && strcmp(colon, ":*") == 0) {
      *colon = '\0';
      if (strcmp(device, "*") != 0) {
        if (!is_number(device)) return refuse(error, "devices_allow", part, expected);
        major_number = strtoll(device, NULL, 10);
      }
    } else {
      tepui_status status = find_device("devices_allow", device, 0, &major_number, &minor_number, error);
      if (status != TEPUI_OK) return status;
      struct stat found;
      if (!has_kind && stat(device, &found) == 0 && S_ISBLK(found.st_mode)) kind = TEPUI_DEVICE_BLOCK;
    }
    tepui_status status = add_device(self, kind, major_number, minor_number, access, error);
    if (status != TEPUI_OK) return status;
  }
  return TEPUI_OK;
}
