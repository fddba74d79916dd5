// Regular expressions of RE2 for Swift: linear time in the text, whatever the pattern.
#ifndef CRE2_H
#define CRE2_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct cre2_regex cre2_regex;

/// Compiles a pattern. Always returns a regex, to be freed, but one with a problem matches nothing.
/// `max_memory` is in bytes, as RE2 counts them.
cre2_regex *_Nonnull cre2_make(const char *_Nullable pattern, size_t length, int64_t max_memory);
/// What is wrong with the pattern, in RE2's words; NULL when nothing is. Lives as long as the regex.
const char *_Nullable cre2_problem(const cre2_regex *_Nonnull regex);
/// How large the pattern became; what a match costs grows with it.
int cre2_program_size(const cre2_regex *_Nonnull regex);
/// Whether the whole text matches. Any thread.
bool cre2_matches(const cre2_regex *_Nonnull regex, const char *_Nullable text, size_t length);
void cre2_free(cre2_regex *_Nonnull regex);

#ifdef __cplusplus
}
#endif

#endif
