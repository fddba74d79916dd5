/* The disk that a sandbox takes: measured for every container, and bounded if the operator wants that. */
#include <stdlib.h>
#include "tepui/tepui.h"

/* Order of the parameters. */
enum { ENFORCE, INTERVAL };

static const tepui_parameter_spec specs[] = {
    [ENFORCE] = {.size = sizeof specs[0],
                 .type = TEPUI_PARAMETER_BOOLEAN,
                 .name = TEPUI_TEXT("enforce"),
                 .initial = TEPUI_TEXT("false"),
                 .help = TEPUI_TEXT("End a container whose sandbox takes more disk than it asked for.")},
    [INTERVAL] = {.size = sizeof specs[0],
                  .type = TEPUI_PARAMETER_DURATION,
                  .name = TEPUI_TEXT("interval"),
                  .initial = TEPUI_TEXT("15secs"),
                  .minimum = 10000000,
                  .maximum = 86400000000000,
                  .help = TEPUI_TEXT("Time between two measurements of a sandbox, 10ms to 1days.")},
};

typedef struct disk {
  int enforce;
  int64_t interval_ns;
} disk;

static tepui_status create(const tepui_host *host, const tepui_node *node, const tepui_parameter *parameters,
                           uint32_t parameter_count, void **instance, tepui_error *error) {
  (void)host, (void)node, (void)parameter_count;
  disk *self = malloc(sizeof *self);
  if (self == NULL) return tepui_fail(error, TEPUI_FAILED, "out of memory");
  self->enforce = TEPUI_AT(tepui_parameter, parameters, ENFORCE)->integer != 0;
  self->interval_ns = TEPUI_AT(tepui_parameter, parameters, INTERVAL)->integer;
  *instance = self;
  return TEPUI_OK;
}

/* From thousandths of 2^20 bytes. Nobody has less than nothing. */
static int64_t bytes(int64_t amount) {
  if (amount < 0) return 0;
  if (amount > INT64_MAX >> 20) return TEPUI_UNLIMITED;
  return amount / 1000 * (1 << 20) + amount % 1000 * (1 << 20) / 1000;
}

static tepui_status plan(void *instance, const tepui_container *container, const tepui_plan_sink *sink,
                         tepui_error *error) {
  (void)error;
  const disk *self = instance;
  /* Who did not ask for disk is measured only, as Mesos does. */
  int64_t asked = tepui_limit(container, "disk", tepui_requested(container, "disk", TEPUI_UNLIMITED));
  tepui_disk measured = {
      .size = sizeof measured,
      .flags = self->enforce ? TEPUI_DISK_ENFORCE : 0,
      .path = container->sandbox,
      .limit_bytes = bytes(asked),
      .interval_ns = self->interval_ns,
  };
  sink->disk(sink->context, &measured);
  return TEPUI_OK;
}

static const tepui_isolator isolator = {sizeof isolator, create, free, plan};

static const tepui_descriptor descriptor = {
    .size = sizeof descriptor,
    .parameter_count = sizeof specs / sizeof *specs,
    .id = TEPUI_TEXT("org.tepui.disk"),
    .kind = TEPUI_TEXT(TEPUI_ISOLATOR_1),
    .version = TEPUI_TEXT("0.1.0"),
    .author = TEPUI_TEXT("The Tepui authors"),
    .licence = TEPUI_TEXT("Apache-2.0"),
    .summary = TEPUI_TEXT("Measures the disk that sandboxes take, and bounds it."),
    .parameters = specs,
};

static const void *interface(tepui_text id) {
  return tepui_text_is(id, TEPUI_ISOLATOR_1) ? &isolator : NULL;
}

tepui_status tepui_module_entry(const tepui_host *host, tepui_module *module, tepui_error *error) {
  return tepui_module_fill(host, module, error, &descriptor, interface);
}
