--- What is compared: how to start it, and how to ask for its version.
-- A peer whose version cannot be told is not installed and is skipped.

local process = require "runner.process"

local SOURCE = process.capture("cd .. && pwd")

-- What the module says of itself is often behind what the package says.
local function lua_version(module, expression, prelude)
  return ("lua5.4 -e '%s local m = require \"%s\" print(%s)'"):format(
    prelude or "", module, expression)
end

local COPAS_PATH = "package.path = package.path .. "
  .. "\";/usr/share/lua/5.2/?.lua\""

-- quayside from this source tree and the build that build.sh made or found.
local function quayside(script)
  return ("env 'LUA_PATH=%s/lua/?.lua;%s/lua/?/init.lua;;' "
    .. "'LUA_CPATH=%s/?.so;;' lua5.4 %s"):format(SOURCE, SOURCE,
    os.getenv("QUAYSIDE_BUILD"), script)
end

local peers = {
  {
    name = "raw",
    title = "raw C (epoll)",
    server = "build/raw",
    client = "build/raw client",
    version = "cc --version | head -n 1",
  },
  {
    name = "quayside",
    server = quayside("quayside/server.lua"),
    client = quayside("quayside/client.lua"),
    own = quayside("quayside/own.lua"),
    version = quayside("-e 'require \"quayside\"'") .. " && "
      .. "(git rev-parse --short HEAD 2>/dev/null || echo no commit)",
  },
  {
    name = "luv-callbacks",
    server = "lua5.4 peers/luv-callbacks.lua",
    version = lua_version("luv", "m.version_string()"),
    package = "lua-luv",
  },
  {
    name = "luv-coroutines",
    server = "lua5.4 peers/luv-coroutines.lua",
    version = lua_version("luv", "m.version_string()"),
    package = "lua-luv",
  },
  {
    name = "cqueues",
    server = "lua5.4 peers/cqueues.lua",
    version = lua_version("cqueues", "m.VERSION"),
    package = "lua-cqueues",
  },
  {
    name = "luaevent",
    server = "lua5.4 peers/luaevent.lua",
    version = lua_version("luaevent", "m._VERSION"),
    package = "lua-event",
  },
  {
    name = "luasocket",
    title = "luasocket (select)",
    server = "lua5.4 peers/luasocket.lua",
    version = lua_version("socket", "m._VERSION"),
    package = "lua-socket",
  },
  {
    name = "copas",
    server = "lua5.4 peers/copas.lua",
    version = lua_version("copas", "m._VERSION", COPAS_PATH),
    package = "lua-copas",
  },
  {
    name = "racket",
    server = "racket peers/racket.rkt",
    version = "command -v racket >/dev/null && racket --version "
      .. "| sed 's/Welcome to Racket //; s/[.]$//'",
  },
  {
    name = "node",
    server = "node peers/node.js",
    version = "node --version",
  },
}

-- The version of a Debian package in brackets, or nothing.
local function package_version(package)
  if not package then return "" end
  local version, good = process.capture(
    "dpkg-query -W -f '${Version}' " .. package .. " 2>/dev/null")
  return good and (" (Debian %s %s)"):format(package, version) or ""
end

--- The peers that are installed, in order, each with its version in
-- `is_version`; `wanted` is a set of names or nil.  The raw server is always
-- among them: it is the measure.
local function installed(wanted, say)
  local found = {}
  for _, peer in ipairs(peers) do
    if not wanted or wanted[peer.name] or peer.name == "raw" then
      local version, good = process.capture("{ " .. peer.version
        .. "; } 2>&1")
      if good then
        peer.title = peer.title or peer.name
        peer.is_version = version .. package_version(peer.package)
        found[#found + 1] = peer
      else
        say(("%s: skipped (%s)"):format(peer.name,
          version:match("[^\n]+") or "not installed"))
      end
    end
  end
  return found
end

return { installed = installed }
