/* text.h - what is needed of texts, and the functions that compilers call by themselves. */
#ifndef TEXT_H
#define TEXT_H

#include <stddef.h>
#include <stdint.h>

void *memcpy(void *to, const void *from, size_t length);
void *memset(void *at, int byte, size_t length);
int memcmp(const void *a, const void *b, size_t length);

size_t text_length(const char *text);
int text_equal(const char *a, const char *b);

/* The part of `path` below `folder`, or NULL if it lies elsewhere. */
const char *text_below(const char *path, const char *folder);

/* Appends what fits into `capacity`, always ending with NUL; answers the new end. */
char *text_append(char *buffer, char *end, size_t capacity, const char *text);
char *text_append_number(char *buffer, char *end, size_t capacity, uint32_t number);

#endif
