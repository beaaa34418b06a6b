-- An echo server: every client gets its lines back.
-- usage: lua5.4 echo.lua [port]
local quayside = require "quayside"

local function echo(input, output)
  for line in input:lines "L" do
    output:write(line)
  end
end

local server = quayside.tcp.serve(tonumber(arg[1]) or 0, echo,
                                  {hostname = "127.0.0.1"})
local _, port = server:addresses(true)
io.write("listening on 127.0.0.1 port ", port, "\n"):flush()

-- Ctrl-C raises a break in the main thread, wherever it waits.
local ok, err = pcall(server.wait, server)
server:stop(1)
if not ok and not quayside.error.is_break(err) then error(err, 0) end
