-- A TCP proxy: each client is connected to a target, and bytes go both ways at
-- once.  When one side says it will send no more, the other side is told so,
-- and may go on sending.
-- usage: lua5.4 proxy.lua [port [target-host [target-port]]]
local quayside = require "quayside"

local target_host, target_port = arg[2] or "127.0.0.1", tonumber(arg[3]) or 80

-- The ports and threads of a connection belong to a custodian of its own: when
-- one side breaks, all of it goes.
local function forward(input, output)
  local count, err = quayside.try(quayside.port.copy, input, output)
  if not count then
    io.stderr:write("proxy: ", tostring(err), "\n")
    quayside.custodian.current():shutdown_all()
  end
  output:close()
end

local function proxy(input, output)
  local from_target, to_target = quayside.tcp.connect(target_host, target_port)
  local upstream = quayside.spawn(forward, input, to_target)
  forward(from_target, output)
  upstream:wait()
end

local server = quayside.tcp.serve(tonumber(arg[1]) or 0, proxy,
                                  {hostname = "127.0.0.1"})
local _, port = server:addresses(true)
io.write("listening on 127.0.0.1 port ", port, "\n"):flush()

-- Ctrl-C raises a break in the main thread, wherever it waits.
local ok, err = pcall(server.wait, server)
server:stop(0)
if not ok and not quayside.error.is_break(err) then error(err, 0) end
