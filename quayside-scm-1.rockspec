rockspec_format = "3.0"
package = "quayside"
version = "scm-1"
source = {
  url = "git+https://github.com/quayside-lua/quayside.git",
}
description = {
  summary = "Racket's TCP for Lua 5.4 coroutines",
  detailed = [[
Listeners, separate input and output ports, half-close, custodians, breaks and
synchronizable events for Lua scripts, on libevent.  Every blocking call blocks
one thread, never the program.]],
  license = "MIT",
  labels = {"network", "tcp", "udp", "async", "coroutines", "libevent"},
}
dependencies = {
  "lua ~> 5.4",
}
external_dependencies = {
  LIBEVENT = {header = "event2/event.h"},
}
test_dependencies = {
  "busted >= 2.1",
}
build = {
  type = "cmake",
  variables = {
    CMAKE_BUILD_TYPE = "Release",
    CMAKE_C_FLAGS = "$(CFLAGS)",
    LUA_INCDIR = "$(LUA_INCDIR)",
    LUADIR = "$(LUADIR)",
    LIBDIR = "$(LIBDIR)",
    QS_TESTS = "OFF",
  },
}
test = {
  type = "busted",
}
