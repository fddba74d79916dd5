/* seccomp_module.h - the parts of this module. */
#ifndef SECCOMP_MODULE_H
#define SECCOMP_MODULE_H

#include <stdint.h>
#include "tepui/tepui.h"

/* What a profile depends on beside itself. */
typedef struct conditions {
  uint64_t capabilities;
} conditions;

/* A compiled filter: instructions of struct sock_filter. */
typedef struct filter {
  unsigned char *bytes;
  uint64_t length;
} filter;

/* Compiles the built-in profile, or one from a file. `bytes` is the caller's to free. */
tepui_status compile_builtin(filter *filter, tepui_error *error);
tepui_status compile_file(const char *path, const conditions *conditions, filter *filter, tepui_error *error);

/* Takes the instructions out of libseccomp's context (scmp_filter_ctx). */
tepui_status export_filter(void *context, filter *filter, tepui_error *error);

#endif
