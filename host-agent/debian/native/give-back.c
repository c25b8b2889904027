/*
 * giveBack() for Node: takes what was only needed for the start (of Node's 100 MB of program and tables) out of this
 * process's memory. It stays in the kernel's page cache, from where it comes back when it is touched. Returns the bytes
 * that were mapped there; throws an Error where /proc cannot be read.
 */
#define NAPI_VERSION 8
#include <node_api.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

struct mapping {
  unsigned long from, to;
  /* of a file, and nobody can write to it */
  int is_fixed;
};

static int begins(const char *line, struct mapping *found) {
  char rights[5], path[2];
  unsigned long from, to;
  int words = sscanf(line, "%lx-%lx %4s %*s %*s %*s %1s", &from, &to, rights, path);
  if (words < 3) return 0;
  *found = (struct mapping){from, to, words == 4 && path[0] == '/' && rights[1] == '-'};
  return 1;
}

static napi_value give_back(napi_env env, napi_callback_info info) {
  (void)info;
  FILE *maps = fopen("/proc/self/smaps", "re");
  if (maps == NULL) {
    napi_throw_error(env, NULL, "/proc/self/smaps cannot be read");
    return NULL;
  }
  char line[8192];
  struct mapping now = {0, 0, 0};
  unsigned long changed_kb;
  double bytes = 0;
  while (fgets(line, sizeof line, maps) != NULL) {
    if (begins(line, &now) || !now.is_fixed || sscanf(line, "Anonymous: %lu", &changed_kb) != 1) continue;
    /* what was changed by the loader before it was closed for writing is not in the file */
    if (changed_kb > 0) continue;
    size_t size = now.to - now.from;
    /* else one touch brings 2 MB back */
    (void)madvise((void *)now.from, size, MADV_NOHUGEPAGE);
    if (madvise((void *)now.from, size, MADV_DONTNEED) == 0) bytes += (double)size;
  }
  fclose(maps);
  napi_value result;
  return napi_create_double(env, bytes, &result) == napi_ok ? result : NULL;
}

NAPI_MODULE_INIT() {
  napi_value function;
  if (napi_create_function(env, "giveBack", NAPI_AUTO_LENGTH, give_back, NULL, &function) != napi_ok) return NULL;
  if (napi_set_named_property(env, exports, "giveBack", function) != napi_ok) return NULL;
  return exports;
}
