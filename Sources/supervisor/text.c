#include "text.h"

void *memcpy(void *to, const void *from, size_t length) {
  for (size_t i = 0; i < length; i++) ((char *)to)[i] = ((const char *)from)[i];
  return to;
}

void *memset(void *at, int byte, size_t length) {
  for (size_t i = 0; i < length; i++) ((char *)at)[i] = (char)byte;
  return at;
}

int memcmp(const void *a, const void *b, size_t length) {
  const unsigned char *left = a, *right = b;
  for (size_t i = 0; i < length; i++)
    if (left[i] != right[i]) return left[i] < right[i] ? -1 : 1;
  return 0;
}

size_t text_length(const char *text) {
  size_t length = 0;
  while (text[length] != 0) length++;
  return length;
}

int text_equal(const char *a, const char *b) {
  while (*a != 0 && *a == *b) a++, b++;
  return *a == *b;
}

const char *text_below(const char *path, const char *folder) {
  size_t length = text_length(folder);
  while (length > 1 && folder[length - 1] == '/') length--;
  for (size_t i = 0; i < length; i++)
    if (path[i] != folder[i]) return NULL;
  return path[length] == '/' ? path + length + 1 : path[length] == 0 ? path + length : NULL;
}

char *text_append(char *buffer, char *end, size_t capacity, const char *text) {
  while (*text != 0 && (size_t)(end - buffer) + 1 < capacity) *end++ = *text++;
  *end = 0;
  return end;
}

char *text_append_number(char *buffer, char *end, size_t capacity, uint32_t number) {
  char digits[12], *digit = digits + sizeof digits;
  *--digit = 0;
  do *--digit = (char)('0' + number % 10);
  while ((number /= 10) > 0);
  return text_append(buffer, end, capacity, digit);
}
