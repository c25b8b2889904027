/*
 * What a newer libstdc++ takes from a newer glibc than the oldest Debian that we run on has (bullseye: 2.31). Linked
 * into re2.node beside the static libstdc++; nothing of it is visible outside.
 */
#include <stdint.h>
#include <stdlib.h>
#include <sys/random.h>

/* glibc 2.32: "may atomics be left out?" Never. */
char __libc_single_threaded = 0;

/* glibc 2.36 */
uint32_t arc4random(void) {
  uint32_t value;
  if (getrandom(&value, sizeof value, 0) != sizeof value) abort();
  return value;
}
