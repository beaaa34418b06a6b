-- A relay: what one client sends, all the others receive.  One thread serves
-- everybody; all it ever does is to wait for a choice of events.
-- usage: lua5.4 relay.lua [port]
local quayside = require "quayside"
local handle = quayside.evt.handle

local MOST_UNSENT = 65536 -- bytes for one client, until nobody is read

local clients = {}

local function remove(client)
  clients[client] = nil
  client.owner:shutdown_all()
end

-- The event has said that reading will not wait; so it does not.
local function receive(client)
  local bytes = quayside.try(client.input.read_some, client.input)
  if not bytes then return remove(client) end
  for other in pairs(clients) do
    if other ~= client then other.unsent = other.unsent .. bytes end
  end
end

local function send(client)
  local output = client.output
  local count = quayside.try(output.write_some, output, client.unsent)
  if not count then return remove(client) end
  client.unsent = client.unsent:sub(count + 1)
end

local function is_anyone_behind()
  for client in pairs(clients) do
    if #client.unsent > MOST_UNSENT then return true end
  end
  return false
end

-- A listener, an input port and an output port are events: ready when accept,
-- read and write would not wait.
local function next_event(listener, accept)
  local events = {handle(listener, accept)}
  local is_reading = not is_anyone_behind()
  for client in pairs(clients) do
    if is_reading then
      table.insert(events, handle(client.input, function()
        receive(client)
      end))
    end
    if client.unsent ~= "" then
      table.insert(events, handle(client.output, function() send(client) end))
    end
  end
  return quayside.evt.choice(table.unpack(events))
end

local function relay(listener)
  local function accept()
    local owner = quayside.custodian.new()
    local input, output = owner:with(listener.accept, listener)
    clients[{owner = owner, input = input, output = output, unsent = ""}] = true
  end
  while true do quayside.sync(next_event(listener, accept)) end
end

local listener <close> = quayside.tcp.listen {
  port = tonumber(arg[1]) or 0, hostname = "127.0.0.1", reuse = true,
}
local _, port = listener:addresses(true)
io.write("listening on 127.0.0.1 port ", port, "\n"):flush()

-- Ctrl-C raises a break in the main thread, wherever it waits.
local _, err = pcall(relay, listener)
if not quayside.error.is_break(err) then error(err, 0) end
