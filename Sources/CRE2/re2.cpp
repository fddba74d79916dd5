#include "include/CRE2.h"

#include <re2/re2.h>

struct cre2_regex {
  RE2 regex;

  cre2_regex(re2::StringPiece pattern, const RE2::Options &options) : regex(pattern, options) {}
};

static RE2::Options make_options(int64_t max_memory) {
  RE2::Options options(RE2::Quiet);
  options.set_max_mem(max_memory);
  return options;
}

cre2_regex *cre2_make(const char *pattern, size_t length, int64_t max_memory) {
  return new cre2_regex(re2::StringPiece(pattern, length), make_options(max_memory));
}

const char *cre2_problem(const cre2_regex *regex) {
  return regex->regex.ok() ? nullptr : regex->regex.error().c_str();
}

int cre2_program_size(const cre2_regex *regex) { return regex->regex.ProgramSize(); }

bool cre2_matches(const cre2_regex *regex, const char *text, size_t length) {
  return regex->regex.ok() && RE2::FullMatch(re2::StringPiece(text, length), regex->regex);
}

void cre2_free(cre2_regex *regex) { delete regex; }
