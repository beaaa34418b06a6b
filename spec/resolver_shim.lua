--- A getaddrinfo for child processes that answers names such as
--
--   127.0.0.9+::1+127.0.0.1.shim        these addresses, in this order
--   until=/tmp/gate+127.0.0.1.shim      as soon as the file exists
--   failure=3.shim                      EAI code -3
--
-- and a socket() that has no IPv6 if SHIM_NO_IPV6 is set, and a bind() that
-- finds the IPv4 port taken SHIM_TAKEN times.  It is compiled when first asked
-- for, into a file that the caller removes.

local source = [[
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

typedef int lookup_function(const char *, const char *,
                            const struct addrinfo *, struct addrinfo **);

static int add(const char *part, const char *service,
               const struct addrinfo *hints, struct addrinfo **end) {
  lookup_function *real =
    (lookup_function *)dlsym(RTLD_NEXT, "getaddrinfo");
  struct addrinfo numeric = *hints;
  numeric.ai_flags |= AI_NUMERICHOST;
  if (strncmp(part, "failure=", 8) == 0) return -atoi(part + 8);
  if (strncmp(part, "until=", 6) == 0) {
    while (access(part + 6, F_OK) != 0) usleep(2000);
    return 0;
  }
  while (*end != NULL) end = &(*end)->ai_next;
  return real(part, service, &numeric, end);
}

int getaddrinfo(const char *node, const char *service,
                const struct addrinfo *hints, struct addrinfo **answer) {
  lookup_function *real =
    (lookup_function *)dlsym(RTLD_NEXT, "getaddrinfo");
  size_t length = node == NULL ? 0 : strlen(node);
  char *name, *state = NULL;
  int code = 0;
  if (length < 5 || strcmp(node + length - 5, ".shim") != 0 ||
      (hints != NULL && hints->ai_flags & AI_NUMERICHOST))
    return real(node, service, hints, answer);
  name = strndup(node, length - 5);
  *answer = NULL;
  for (char *part = strtok_r(name, "+", &state); part != NULL && code == 0;
       part = strtok_r(NULL, "+", &state))
    code = add(part, service, hints, answer);
  free(name);
  return code;
}

int socket(int family, int type, int protocol) {
  int (*real)(int, int, int) =
    (int (*)(int, int, int))dlsym(RTLD_NEXT, "socket");
  if (family == AF_INET6 && getenv("SHIM_NO_IPV6") != NULL) {
    errno = EAFNOSUPPORT;
    return -1;
  }
  return real(family, type, protocol);
}

int bind(int fd, const struct sockaddr *address, socklen_t size) {
  int (*real)(int, const struct sockaddr *, socklen_t) =
    (int (*)(int, const struct sockaddr *, socklen_t))dlsym(RTLD_NEXT, "bind");
  static int left = -1;
  if (left < 0)
    left = getenv("SHIM_TAKEN") == NULL ? 0 : atoi(getenv("SHIM_TAKEN"));
  if (left > 0 && address->sa_family == AF_INET &&
      ((const struct sockaddr_in *)(const void *)address)->sin_port != 0) {
    left--;
    errno = EADDRINUSE;
    return -1;
  }
  return real(fd, address, size);
}
]]

local shim = {}

local built

--- The options for helper.run_script that put it in place; nil and a reason
-- if there is no C compiler.
-- @tparam[opt] string more assignments to the environment
function shim.options(more)
  if not built then
    built = os.tmpname()
    local command = ("cc -shared -fPIC -o %s -x c - -ldl 2>&1"):format(built)
    local compiler = io.popen(command, "w")
    compiler:write(source)
    if not compiler:close() then
      shim.remove()
      return nil, "no C compiler here (cc)"
    end
  end
  return {environment = ('LD_PRELOAD="$LD_PRELOAD %s" %s')
                        :format(built, more or "")}
end

--- Removes the compiled file.
function shim.remove()
  if built then os.remove(built) end
  built = nil
end

return shim
