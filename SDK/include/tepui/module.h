/*
 * tepui/module.h - what every module and the host agree on.
 *
 * A module is a shared library that exports one C function, tepui_module_entry, and links nothing of Tepui. The host
 * calls the function once, right after loading; host and module agree on a version of this ABI there, and the module
 * hands over its descriptor and a way to look up its function tables. tepui/allocator.h and tepui/isolator.h define the
 * tables for the two kinds of module.
 *
 * Rules for everything in these headers
 *
 * - Sizes. Every struct that crosses begins with `uint32_t size`, set by whoever owns the memory to the size that it
 *   was compiled with. A reader may touch only the fields that lie within it: TEPUI_HAS tells. Later versions only
 *   append fields, so a smaller size means an older peer.
 * - Arrays of sized structs are walked by the size of their first element, not by sizeof: TEPUI_AT does it.
 * - Ownership. None crosses. What a function gets is borrowed until it returns; what it hands to a sink is copied
 *   before the sink returns. The exceptions say so: the descriptor and the tables live as long as the process.
 * - Text is UTF-8 with a length in bytes, not terminated. It never contains a zero byte.
 * - Quantities are int64_t in thousandths of the unit of the resource: 1500 cpus is one and a half CPU, 64000 mem is
 *   64 MB. Memory and disk are counted in units of 2^20 bytes, as in Mesos.
 * - Errors are a status, and a text in memory of the caller. No exception, longjmp or signal may leave a module.
 * - Threads. Each function carries a tag: [start] runs on the thread that starts the daemon, before there is anything
 *   to hold up; [master] runs on the one loop that owns the cluster's state, must not block and should take
 *   milliseconds at most; [worker] runs on a thread of its own and may block; [any] may be called from every thread.
 *   Two calls into one instance never overlap, whatever the tag. What the host lends for one call, a sink above all,
 *   must not be used after it.
 * - A module is never unloaded, and its instance may live until the process ends without destroy being called.
 *
 * ABI 0.9: may still change. From 1.0 on a module keeps working in every later 1.x host.
 */
#ifndef TEPUI_MODULE_H
#define TEPUI_MODULE_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

#define TEPUI_ABI(major, minor) ((uint32_t)(major) << 16 | (uint32_t)(minor))
#define TEPUI_ABI_MAJOR(abi) ((uint32_t)(abi) >> 16)
#define TEPUI_ABI_MINOR(abi) ((uint32_t)(abi) & 0xffffu)

/* The version that this header describes. */
#define TEPUI_ABI_VERSION TEPUI_ABI(0, 9)

/* Whether the sized struct behind `pointer` reaches to the end of `field`. */
#define TEPUI_HAS(pointer, field) \
  ((pointer)->size >= offsetof(__typeof__(*(pointer)), field) + sizeof((pointer)->field))

/* Element `index` of an array of sized structs of type `type`. */
#define TEPUI_AT(type, array, index) \
  ((const type *)(const void *)((const char *)(array) + (size_t)(index) * (array)->size))

#if defined(__GNUC__)
#define TEPUI_EXPORT __attribute__((visibility("default")))
#define TEPUI_PRINTF(text_at, first_at) __attribute__((format(printf, text_at, first_at)))
#else
#define TEPUI_EXPORT
#define TEPUI_PRINTF(text_at, first_at)
#endif

/* ---- Text ---------------------------------------------------------------------------------------------------- */

typedef struct tepui_text {
  const char *bytes; /* may be NULL when length is 0 */
  uint64_t length;   /* in bytes */
} tepui_text;

/* Initializer from a string literal. */
#define TEPUI_TEXT(literal) {literal, sizeof(literal) - 1}

static inline int tepui_text_is(tepui_text text, const char *string) {
  return text.length == strlen(string) && memcmp(text.bytes, string, text.length) == 0;
}

static inline tepui_text tepui_text_of(const char *string) {
  tepui_text text = {string, strlen(string)};
  return text;
}

/* ---- Status and error ---------------------------------------------------------------------------------------- */

typedef int32_t tepui_status;

#define TEPUI_OK 0          /* done */
#define TEPUI_REFUSED 1     /* not done, for a reason that is nobody's fault; go on */
#define TEPUI_INVALID 2     /* not done: the caller asked for something that is never allowed */
#define TEPUI_UNSUPPORTED 3 /* not done: this peer does not know how */
#define TEPUI_FAILED 4      /* not done: something outside failed; the error text says what */

/* Where a function puts the text that goes with a status other than TEPUI_OK. The memory is the caller's. */
typedef struct tepui_error {
  uint32_t size;
  uint32_t capacity; /* of text, in bytes */
  uint32_t length;   /* set by the callee, at most capacity */
  char *text;
} tepui_error;

/* Writes a text, cut to what fits, and returns `status`: `return tepui_fail(error, TEPUI_INVALID, "no %s", name);` */
TEPUI_PRINTF(3, 4)
static inline tepui_status tepui_fail(tepui_error *error, tepui_status status, const char *format, ...) {
  if (error != NULL && error->capacity > 0) {
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(error->text, error->capacity, format, arguments);
    va_end(arguments);
    error->length = length < 0 ? 0 : (uint32_t)length < error->capacity ? (uint32_t)length : error->capacity - 1;
  }
  return status;
}

/* ---- Parameters ---------------------------------------------------------------------------------------------- */

/* How a parameter is written in modules.json, and what `tepui_parameter.integer` holds. */
#define TEPUI_PARAMETER_TEXT 0     /* any text; integer is 0 */
#define TEPUI_PARAMETER_INTEGER 1  /* 42 */
#define TEPUI_PARAMETER_QUANTITY 2 /* 1.5, at most three decimals; integer holds thousandths */
#define TEPUI_PARAMETER_BOOLEAN 3  /* true or false; integer is 1 or 0 */
#define TEPUI_PARAMETER_DURATION 4 /* 250ms, 5secs, 2mins, as in Mesos; integer holds nanoseconds */

/* A parameter as the module declares it. The host refuses unknown keys and ill-typed or out-of-range values before the
 * module is created, and fills in the default for a key that is not given. */
typedef struct tepui_parameter_spec {
  uint32_t size;
  uint32_t type;          /* TEPUI_PARAMETER_... */
  tepui_text name;        /* lower case, words joined by _ */
  tepui_text initial;     /* the default, written as in modules.json */
  int64_t minimum;        /* of integer, inclusive; ignored for text and boolean */
  int64_t maximum;        /* likewise; minimum and maximum both 0, as when left out, mean any value */
  const tepui_text *allowed; /* for text: the only values allowed; NULL when any is */
  uint32_t allowed_count;
  tepui_text help;        /* one sentence for an operator */
} tepui_parameter_spec;

/* A value, checked. `create` gets one for each declared parameter, in the order of the descriptor. */
typedef struct tepui_parameter {
  uint32_t size;
  uint32_t type;
  tepui_text name;
  tepui_text text;
  int64_t integer;
} tepui_parameter;

/* ---- The host, as a module sees it --------------------------------------------------------------------------- */

#define TEPUI_LOG_DEBUG 0
#define TEPUI_LOG_INFO 1
#define TEPUI_LOG_WARNING 2
#define TEPUI_LOG_ERROR 3

typedef struct tepui_host {
  uint32_t size;
  uint32_t abi_oldest; /* the versions this host speaks, both ends included */
  uint32_t abi_newest;
  tepui_text product;     /* "tepui-master", "tepui-agent", "tepui-module" */
  tepui_text version;     /* of the product; for log lines only, never compare it */
  void *context;          /* pass it back to the functions below */

  /* [any] One line for the daemon's log; the host puts the module's id in front. */
  void (*log)(void *context, int32_t level, tepui_text message);

  /* [any] A table of functions that the host offers beyond this header, or NULL. No id is defined in 0.9. */
  const void *(*extension)(void *context, tepui_text id);
} tepui_host;

/* Writes a line to the daemon's log: `tepui_log(host, TEPUI_LOG_INFO, "%u agents", count);` */
TEPUI_PRINTF(3, 4)
static inline void tepui_log(const tepui_host *host, int32_t level, const char *format, ...) {
  char line[512];
  va_list arguments;
  va_start(arguments, format);
  int length = vsnprintf(line, sizeof line, format, arguments);
  va_end(arguments);
  if (length < 0) return;
  tepui_text message = {line, (size_t)length < sizeof line ? (uint64_t)length : sizeof line - 1};
  host->log(host->context, level, message);
}

/* ---- The module, as the host sees it ------------------------------------------------------------------------- */

/* The two kinds of module: ids of the table that `interface` must return. */
#define TEPUI_ALLOCATOR_1 "tepui.allocator/1"
#define TEPUI_ISOLATOR_1 "tepui.isolator/1"

/* Who a module is. Lives as long as the process. */
typedef struct tepui_descriptor {
  uint32_t size;
  uint32_t parameter_count;
  tepui_text id;      /* reverse DNS: "org.example.fifo"; lower case letters, digits, '.', '-' */
  tepui_text kind;    /* TEPUI_ALLOCATOR_1 or TEPUI_ISOLATOR_1 */
  tepui_text version; /* of the module: "1.2.0" */
  tepui_text author;
  tepui_text licence; /* SPDX id */
  tepui_text summary; /* one sentence */
  const tepui_parameter_spec *parameters;
} tepui_descriptor;

/* What the entry function fills in. */
typedef struct tepui_module {
  uint32_t size; /* set by the host */
  uint32_t abi;  /* the version that the module will speak, within the host's range */
  const tepui_descriptor *descriptor;

  /* [any] The module's table for an id, or NULL if it has none. Tables live as long as the process. */
  const void *(*interface)(tepui_text id);
} tepui_module;

/*
 * [start] The one exported symbol, called once after loading. Answers TEPUI_OK and a filled `module`, or
 * TEPUI_UNSUPPORTED with a text when no version in the host's range will do. It must do nothing else: no threads
 * and no files.
 */
TEPUI_EXPORT tepui_status tepui_module_entry(const tepui_host *host, tepui_module *module, tepui_error *error);

/* The whole body of an entry function for a module that speaks the version of this header. */
static inline tepui_status tepui_module_fill(const tepui_host *host, tepui_module *module, tepui_error *error,
                                             const tepui_descriptor *descriptor,
                                             const void *(*interface)(tepui_text id)) {
  if (host->abi_oldest > TEPUI_ABI_VERSION || host->abi_newest < TEPUI_ABI_VERSION)
    return tepui_fail(error, TEPUI_UNSUPPORTED, "built for ABI %u.%u, the host speaks %u.%u to %u.%u",
                      TEPUI_ABI_MAJOR(TEPUI_ABI_VERSION), TEPUI_ABI_MINOR(TEPUI_ABI_VERSION),
                      TEPUI_ABI_MAJOR(host->abi_oldest), TEPUI_ABI_MINOR(host->abi_oldest),
                      TEPUI_ABI_MAJOR(host->abi_newest), TEPUI_ABI_MINOR(host->abi_newest));
  module->abi = TEPUI_ABI_VERSION;
  module->descriptor = descriptor;
  module->interface = interface;
  return TEPUI_OK;
}

#ifdef __cplusplus
}
#endif
#endif
