-- A chat: what one client writes, all the others read.  The first line that a
-- client sends is its name.
-- usage: lua5.4 chat.lua [port]
--
-- Each client has two threads: one reads its lines, one writes what it is told.
-- Who does not read what it is told is shut down, so that nobody waits for it.
local quayside = require "quayside"

local MOST_UNREAD = 1000 -- lines

local clients = {}

local function tell(client, line)
  if #client.lines >= MOST_UNREAD then return client.owner:shutdown_all() end
  table.insert(client.lines, line)
  client.unread:post()
end

local function tell_others(speaker, line)
  for client in pairs(clients) do
    if client ~= speaker then tell(client, line) end
  end
end

local function write_lines(client, output)
  repeat
    client.unread:wait()
    local line = table.remove(client.lines, 1)
  until not quayside.try(output.write, output, line)
end

-- Runs when the client's thread ends, for whatever reason.
local function leave(client)
  clients[client] = nil
  tell_others(client, ("* %s has left\n"):format(client.name))
end

local function chat(input, output)
  input:set_limit {line = 1000}
  local name = input:read_line "any"
  if not name then return end
  local client <close> = setmetatable({
    name = name, lines = {}, unread = quayside.semaphore.new(),
    owner = quayside.custodian.current(),
  }, {__close = leave})
  quayside.spawn(write_lines, client, output)
  tell(client, ("* welcome, %s\n"):format(name))
  tell_others(client, ("* %s has come\n"):format(name))
  clients[client] = true
  for line in function() return input:read_line "any" end do
    tell_others(client, ("%s: %s\n"):format(name, line))
  end
end

local server = quayside.tcp.serve(tonumber(arg[1]) or 0, chat,
                                  {hostname = "127.0.0.1"})
local _, port = server:addresses(true)
io.write("listening on 127.0.0.1 port ", port, "\n"):flush()

-- Ctrl-C raises a break in the main thread, wherever it waits.
local ok, err = pcall(server.wait, server)
server:stop(0)
if not ok and not quayside.error.is_break(err) then error(err, 0) end
