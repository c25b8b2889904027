/*
 * sd_notify(3) for Node, which has no datagram sockets of the Unix family: notify(address, text) sends one datagram.
 * Throws an Error with the reason.
 */
#define NAPI_VERSION 8
#include <errno.h>
#include <node_api.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define TEXT_BYTES_MAX 4096

static napi_value refuse(napi_env env, const char *why) {
  napi_throw_error(env, NULL, why);
  return NULL;
}

static int send_datagram(const struct sockaddr_un *address, socklen_t length, const char *text, size_t bytes) {
  int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return errno;
  ssize_t sent = sendto(fd, text, bytes, MSG_NOSIGNAL | MSG_DONTWAIT, (const struct sockaddr *)address, length);
  int failure = sent < 0 ? errno : 0;
  close(fd);
  return failure;
}

static napi_value notify(napi_env env, napi_callback_info info) {
  napi_value words[2];
  size_t count = 2, path_bytes = 0, text_bytes = 0;
  char text[TEXT_BYTES_MAX];
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  if (napi_get_cb_info(env, info, &count, words, NULL, NULL) != napi_ok || count != 2 ||
      napi_get_value_string_utf8(env, words[0], address.sun_path, sizeof address.sun_path, &path_bytes) != napi_ok ||
      napi_get_value_string_utf8(env, words[1], text, sizeof text, &text_bytes) != napi_ok)
    return refuse(env, "notify(address, text) takes two strings");
  if (path_bytes < 2 || path_bytes >= sizeof address.sun_path - 1 || text_bytes >= sizeof text - 1)
    return refuse(env, "the address or the text is too long or empty");
  /* '@' stands for the NUL of an abstract address, which is as long as is said and not ended by another */
  if (address.sun_path[0] == '@') address.sun_path[0] = '\0';
  socklen_t length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + path_bytes);
  int failure = send_datagram(&address, length, text, text_bytes);
  return failure == 0 ? NULL : refuse(env, strerror(failure));
}

NAPI_MODULE_INIT() {
  napi_value function;
  if (napi_create_function(env, "notify", NAPI_AUTO_LENGTH, notify, NULL, &function) != napi_ok) return NULL;
  if (napi_set_named_property(env, exports, "notify", function) != napi_ok) return NULL;
  return exports;
}
