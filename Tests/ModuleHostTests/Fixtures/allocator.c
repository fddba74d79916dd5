/* An allocator that misbehaves on demand. Macros make it break rules of its descriptor, the parameter `behaviour` what
 * it does in a cycle. */
#include "tepui/tepui.h"

#ifndef ID
#define ID "org.example.fixture"
#endif
#ifndef KIND
#define KIND TEPUI_ALLOCATOR_1
#endif
#ifndef ABI
#define ABI TEPUI_ABI_VERSION
#endif
#ifndef DESCRIPTOR_SIZE
#define DESCRIPTOR_SIZE sizeof(tepui_descriptor)
#endif
#ifndef TABLE_SIZE
#define TABLE_SIZE sizeof(tepui_allocator)
#endif
#ifndef DESCRIPTOR
#define DESCRIPTOR &descriptor
#endif
#ifndef INTERFACE
#define INTERFACE interface
#endif
#ifndef TABLE
#define TABLE &allocator
#endif
#ifndef ALLOCATE
#define ALLOCATE allocate
#endif
#ifndef DEFAULT_COUNT
#define DEFAULT_COUNT "3"
#endif
#ifndef COUNT_TYPE
#define COUNT_TYPE TEPUI_PARAMETER_INTEGER
#endif

enum { BEHAVIOUR, COUNT, SHARE, VERBOSE, WAIT };

static const tepui_text behaviours[] = {TEPUI_TEXT("first"),    TEPUI_TEXT("fail"),      TEPUI_TEXT("long text"),
                                        TEPUI_TEXT("wild ids"), TEPUI_TEXT("no create"), TEPUI_TEXT("slow"),
                                        TEPUI_TEXT("bad status"), TEPUI_TEXT("explain wildly"),
                                        TEPUI_TEXT("explain much"), TEPUI_TEXT("explain not"),
                                        TEPUI_TEXT("too much")};

static const tepui_parameter_spec specs[] = {
    [BEHAVIOUR] = {.size = sizeof specs[0],
                   .type = TEPUI_PARAMETER_TEXT,
                   .name = TEPUI_TEXT("behaviour"),
                   .initial = TEPUI_TEXT("first"),
                   .allowed = behaviours,
                   .allowed_count = sizeof behaviours / sizeof *behaviours},
    [COUNT] = {.size = sizeof specs[0],
               .type = COUNT_TYPE,
               .name = TEPUI_TEXT("count"),
               .initial = TEPUI_TEXT(DEFAULT_COUNT),
               .minimum = 1,
               .maximum = 10},
    [SHARE] = {.size = sizeof specs[0],
               .type = TEPUI_PARAMETER_QUANTITY,
               .name = TEPUI_TEXT("share"),
               .initial = TEPUI_TEXT("0.5"),
               .minimum = 1,
               .maximum = 1000},
    [VERBOSE] = {.size = sizeof specs[0],
                 .type = TEPUI_PARAMETER_BOOLEAN,
                 .name = TEPUI_TEXT("verbose"),
                 .initial = TEPUI_TEXT("false")},
    [WAIT] = {.size = sizeof specs[0],
              .type = TEPUI_PARAMETER_DURATION,
              .name = TEPUI_TEXT("wait"),
              .initial = TEPUI_TEXT("10ms")},
};

static const tepui_host *the_host;
static tepui_text behaviour;
static char behaviour_bytes[32];

static tepui_status create(const tepui_host *host, const tepui_parameter *parameters, uint32_t parameter_count,
                           void **instance, tepui_error *error) {
  the_host = host;
  tepui_text chosen = TEPUI_AT(tepui_parameter, parameters, BEHAVIOUR)->text;
  if (tepui_text_is(chosen, "no create")) return tepui_fail(error, TEPUI_FAILED, "the moon is not full");
  memcpy(behaviour_bytes, chosen.bytes, chosen.length);
  behaviour = (tepui_text){behaviour_bytes, chosen.length};
  tepui_log(host, TEPUI_LOG_INFO, "%u parameters: count %lld, share %lld, verbose %lld, wait %lld", parameter_count,
            (long long)TEPUI_AT(tepui_parameter, parameters, COUNT)->integer,
            (long long)TEPUI_AT(tepui_parameter, parameters, SHARE)->integer,
            (long long)TEPUI_AT(tepui_parameter, parameters, VERBOSE)->integer,
            (long long)TEPUI_AT(tepui_parameter, parameters, WAIT)->integer);
  *instance = &the_host;
  return TEPUI_OK;
}

static const tepui_reason_sink *kept_sink;

static void destroy(void *instance) { (void)instance; }

static tepui_status allocate(void *instance, const tepui_allocation_view *view, const tepui_grant_sink *sink,
                             tepui_error *error) {
  if (instance != &the_host) return tepui_fail(error, TEPUI_FAILED, "a foreign instance");
  if (kept_sink != NULL) kept_sink->reason(kept_sink->context, tepui_text_of("too late"), 1);
  if (tepui_text_is(behaviour, "fail")) return tepui_fail(error, TEPUI_FAILED, "out of\nideas");
  if (tepui_text_is(behaviour, "bad status")) return -7;
  if (tepui_text_is(behaviour, "long text")) {
    memset(error->text, 'x', error->capacity);
    error->length = UINT32_MAX;
    error->text = NULL;
    return TEPUI_FAILED;
  }
  if (tepui_text_is(behaviour, "wild ids")) {
    int64_t negative[16], huge[16];
    for (int i = 0; i < 16; i++) negative[i] = -1, huge[i] = INT64_MAX;
    const uint32_t wild[] = {0, 1, 77, UINT32_MAX - 1, UINT32_MAX};
    for (int a = 0; a < 5; a++)
      for (int c = 0; c < 5; c++)
        if (a + c > 0) sink->grant(sink->context, wild[a], wild[c], NULL);
    sink->grant(sink->context, view->candidates[0], view->active[0], negative);
    sink->grant(sink->context, view->candidates[0], view->active[0], huge);
    return TEPUI_OK;
  }
  if (tepui_text_is(behaviour, "too much")) {
    int64_t negative[16] = {-1}, more[16] = {view->agent_free[view->candidates[0] * view->kinds] + 1};
    sink->grant(sink->context, view->candidates[0], view->active[0], negative);
    sink->grant(sink->context, view->candidates[0], view->active[0], more);
    /* All of it twice. */
    sink->grant(sink->context, view->candidates[0], view->active[0], NULL);
    sink->grant(sink->context, view->candidates[0], view->active[0], NULL);
    return TEPUI_OK;
  }
  if (tepui_text_is(behaviour, "slow"))
    for (volatile long i = 0; i < 2000000; i++) continue;
  for (uint32_t i = 0; i < view->candidate_count && view->active_count > 0; i++)
    sink->grant(sink->context, view->candidates[i], view->active[0], NULL);
  return TEPUI_OK;
}

static tepui_status explain(void *instance, const tepui_allocation_view *view, uint32_t claimant,
                            const tepui_reason_sink *sink, tepui_error *error) {
  if (instance != &the_host || view->candidate_count != 0) return tepui_fail(error, TEPUI_FAILED, "a foreign call");
  kept_sink = sink;
  if (tepui_text_is(behaviour, "explain much")) {
    for (int i = 0; i < 100000; i++) sink->reason(sink->context, tepui_text_of("because"), (uint64_t)i);
    return TEPUI_OK;
  }
  sink->reason(sink->context, tepui_text_of("its number"), claimant);
  if (tepui_text_is(behaviour, "explain not")) return tepui_fail(error, TEPUI_FAILED, "out of\nwords");
  if (tepui_text_is(behaviour, "explain wildly")) {
    static char endless[1 << 20];
    memset(endless, 'x', sizeof endless);
    sink->reason(sink->context, tepui_text_of("more than\nanybody can count"), UINT64_MAX);
    sink->reason(sink->context, tepui_text_of("\xff\xfe"), 1);
    sink->reason(sink->context, (tepui_text){"a\0b", 3}, 1);
    sink->reason(sink->context, (tepui_text){NULL, 5}, 1);
    sink->reason(sink->context, (tepui_text){endless, sizeof endless}, 1);
    sink->reason(sink->context, (tepui_text){endless, UINT64_MAX}, 1);
    sink->reason(sink->context, (tepui_text){NULL, 0}, 1);
  }
  return TEPUI_OK;
}

static const tepui_allocator_explain explanation = {sizeof explanation, explain};

static const tepui_allocator allocator = {TABLE_SIZE, create, destroy, ALLOCATE};

static const tepui_descriptor descriptor = {
    .size = DESCRIPTOR_SIZE,
    .parameter_count = sizeof specs / sizeof *specs,
    .id = TEPUI_TEXT(ID),
    .kind = TEPUI_TEXT(KIND),
    .version = TEPUI_TEXT("1.2.3"),
    .author = TEPUI_TEXT("Somebody"),
    .licence = TEPUI_TEXT("MIT"),
    .summary = TEPUI_TEXT("For tests."),
    .parameters = specs,
};

static const void *interface(tepui_text id) {
  if (tepui_text_is(id, TEPUI_ALLOCATOR_EXPLAIN_1)) return &explanation;
  return tepui_text_is(id, TEPUI_ALLOCATOR_1) ? TABLE : NULL;
}

tepui_status tepui_module_entry(const tepui_host *host, tepui_module *module, tepui_error *error) {
#ifdef REFUSES
  return tepui_fail(error, TEPUI_UNSUPPORTED, "built for ABI 3.0, the host speaks %u.%u", host->abi_newest >> 16,
                    host->abi_newest & 0xffff);
#endif
  tepui_module_fill(host, module, error, DESCRIPTOR, INTERFACE);
  (void)allocate, (void)descriptor, (void)allocator, (void)interface, (void)explanation;
  module->abi = ABI;
  return TEPUI_OK;
}
