-- A server that stops without cutting anybody off.  Ctrl-C: no new clients are
-- accepted, those being served have some time to be done; a second Ctrl-C cuts
-- that time short.
-- usage: lua5.4 graceful.lua [port [grace in seconds]]
local quayside = require "quayside"

local grace_s = tonumber(arg[2]) or 5

local function serve(input, output)
  local name = input:read_line "any"
  if not name then return end
  output:write("one moment, please\n")
  quayside.sleep(0.5)
  output:write("hello, ", name, "\n")
end

local server = quayside.tcp.serve(tonumber(arg[1]) or 0, serve,
                                  {hostname = "127.0.0.1"})
local _, port = server:addresses(true)
io.write("listening on 127.0.0.1 port ", port, "\n"):flush()

-- Calls `f(...)`.
-- @treturn boolean whether Ctrl-C has ended it
local function is_broken(f, ...)
  local ok, err = pcall(f, ...)
  if not ok and not quayside.error.is_break(err) then error(err, 0) end
  return not ok
end

is_broken(server.wait, server)
io.write("stopping\n"):flush()
if is_broken(server.stop, server, grace_s) then server:stop(0) end
io.write("stopped\n"):flush()
