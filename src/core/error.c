/* SPDX-License-Identifier: MIT */
#include "error.h"

#include <ctype.h>
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>

struct name {
  int code;
  const char *text;
};

#define NAME(code)                                                             \
  { code, #code }

/* What sockets, descriptors and memory can answer on Linux and the BSDs. */
static const struct name errno_names[] = {
    NAME(EACCES),        NAME(EADDRINUSE),
    NAME(EADDRNOTAVAIL), NAME(EAFNOSUPPORT),
    NAME(EAGAIN),        NAME(EALREADY),
    NAME(EBADF),         NAME(ECANCELED),
    NAME(ECONNABORTED),  NAME(ECONNREFUSED),
    NAME(ECONNRESET),    NAME(EDESTADDRREQ),
    NAME(EFAULT),        NAME(EHOSTDOWN),
    NAME(EHOSTUNREACH),  NAME(EINPROGRESS),
    NAME(EINTR),         NAME(EINVAL),
    NAME(EIO),           NAME(EISCONN),
    NAME(EMFILE),        NAME(EMSGSIZE),
    NAME(ENETDOWN),      NAME(ENETRESET),
    NAME(ENETUNREACH),   NAME(ENFILE),
    NAME(ENOBUFS),       NAME(ENODEV),
    NAME(ENOMEM),        NAME(ENOPROTOOPT),
    NAME(ENOSPC),        NAME(ENOSYS),
    NAME(ENOTCONN),      NAME(ENOTSOCK),
    NAME(ENXIO),         NAME(EOPNOTSUPP),
    NAME(EPERM),         NAME(EPIPE),
    NAME(EPROTO),        NAME(EPROTONOSUPPORT),
    NAME(EPROTOTYPE),    NAME(ESHUTDOWN),
    NAME(ETIMEDOUT),     NAME(EWOULDBLOCK),
};

static const struct name gai_names[] = {
    NAME(EAI_AGAIN),      NAME(EAI_BADFLAGS), NAME(EAI_FAIL),
    NAME(EAI_FAMILY),     NAME(EAI_MEMORY),   NAME(EAI_NONAME),
    NAME(EAI_SERVICE),    NAME(EAI_SOCKTYPE), NAME(EAI_OVERFLOW),
    NAME(EAI_SYSTEM),
#ifdef EAI_ADDRFAMILY
    NAME(EAI_ADDRFAMILY),
#endif
#ifdef EAI_NODATA
    NAME(EAI_NODATA),
#endif
};

static const struct {
  const char *code;
  const char *words;
} states[] = {
    [QS_ERROR_CLOSED] = {"closed", "closed"},
    [QS_ERROR_LIMIT] = {"limit", "more unread data than the limit allows"},
    [QS_ERROR_CUSTODIAN] = {"custodian", "the custodian has been shut down"},
    [QS_ERROR_NOT_BOUND] = {"not_bound", "the socket is not bound"},
    [QS_ERROR_ALREADY_BOUND] = {"already_bound", "the socket is bound already"},
    [QS_ERROR_NOT_CONNECTED] = {"not_connected", "the socket is not connected"},
    [QS_ERROR_CONNECTED] = {"connected", "the socket is connected"},
};

void qs_error_posix(struct qs_error *error, const char *step,
                    const struct qs_address *address) {
  int code = errno;
  memset(error, 0, sizeof *error);
  error->kind = QS_ERROR_POSIX;
  error->code = code;
  error->step = step;
  if (address != NULL) error->address = *address;
}

void qs_error_gai(struct qs_error *error, int code) {
  if (code == EAI_SYSTEM) {
    qs_error_posix(error, "getaddrinfo", NULL);
    return;
  }
  qs_error_state(error, QS_ERROR_GAI, "getaddrinfo");
  error->code = code;
}

void qs_error_state(struct qs_error *error, enum qs_error_kind kind,
                    const char *step) {
  memset(error, 0, sizeof *error);
  error->kind = kind;
  error->step = step;
}

static const char *find(const struct name *names, size_t count, int code) {
  for (size_t i = 0; i < count; i++)
    if (names[i].code == code) return names[i].text;
  return NULL;
}

const char *qs_error_code(const struct qs_error *error, char text[static 16]) {
  const char *name = NULL;
  if (error->kind == QS_ERROR_POSIX)
    name = find(errno_names, sizeof errno_names / sizeof errno_names[0],
                error->code);
  else if (error->kind == QS_ERROR_GAI)
    name = find(gai_names, sizeof gai_names / sizeof gai_names[0], error->code);
  else
    name = states[error->kind].code;
  if (name != NULL) return name;
  snprintf(text, 16, "E%d", error->code);
  return text;
}

const char *qs_error_words(const struct qs_error *error, char *text,
                           size_t size) {
  const char *words;
  if (error->kind == QS_ERROR_POSIX)
    words = strerror(error->code);
  else if (error->kind == QS_ERROR_GAI)
    words = gai_strerror(error->code);
  else
    words = states[error->kind].words;
  snprintf(text, size, "%s", words);
  /* "Connection refused" reads as "connection refused" after "tcp.connect:",
   * but an abbreviation such as "RPC …" keeps its capitals. */
  if (text[0] != '\0' && islower((unsigned char)text[1]))
    text[0] = (char)tolower((unsigned char)text[0]);
  return text;
}
