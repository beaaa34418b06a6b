--- TCP: listen, connect, accept.
--
-- Source: the Racket reference, 15.3.1 "TCP".
-- @module quayside.tcp

local core = require "quayside.core"
local evt = require "quayside.evt"
local custodian = require "quayside.custodian"
require "quayside.port"

local listener_metatable = core.metatable_of "quayside.listener"
local listener_methods = core.methods_of "quayside.listener"

-- A listener is an event: ready when accept would not wait, or when it has been
-- closed; itself as result.
local ready = {
  try = function(event)
    if not core.is_listener_ready(event.listener) then return false end
    return true, event.listener
  end,
  block = function(event, _, i)
    core.watch_listener(event.listener, i, false)
  end,
}

function listener_metatable.__evt(listener)
  return evt.base(ready, {listener = listener})
end

-- Accepting as an event: the connection is accepted when the event is chosen.
local accept = {
  try = function(event)
    return core.try_accept(event.listener, event.custodian)
  end,
  block = function(event, _, i)
    core.watch_listener(event.listener, i, true)
    core.watch_custodian(event.custodian, i)
  end,
  idle = function(event)
    return core.is_listener_idle(event.listener)
           and not event.custodian:is_shut_down()
  end,
}

--- An event: ready when accept would not wait; the results are an input and an
-- output port.  If it is not chosen, nothing is accepted.  The ports belong to
-- the custodian that was current when this function was called.
local function accept_evt(listener)
  if not core.is_listener(listener) then
    error("bad argument #1 to 'accept_evt' (quayside.listener expected, got "
          .. type(listener) .. ")", 2)
  end
  local owner = custodian.current()
  if owner:is_shut_down() then custodian.new(owner) end -- raises
  return evt.base(accept, {listener = listener, custodian = owner})
end

-- Connecting as an event: the attempt begins when a sync begins to wait for it
-- and is cancelled if another event is chosen.
local connect = {
  try = function(_, attempt)
    if not attempt then return false end
    return core.try_connect(attempt)
  end,
  block = function(event, _, i)
    return core.start_connect(event.hostname, event.port,
                              event.local_hostname, event.local_port, i)
  end,
  withdraw = function(_, attempt)
    core.cancel_connect(attempt)
  end,
  idle = function() return true end,
}

--- An event: ready when a connection has been made, or has failed; the results
-- are an input and an output port.  The arguments are those of connect.
local function connect_evt(...)
  local hostname, port, local_hostname, local_port = core.check_connect(...)
  return evt.base(connect, {
    hostname = hostname, port = port,
    local_hostname = local_hostname, local_port = local_port,
  })
end

listener_methods.accept_evt = accept_evt
listener_methods.addresses = core.addresses

--- As the port's own method: the output is flushed, and no end is sent until
-- the input has been closed, too.
local function abandon_port(port)
  if not core.is_port(port) then
    error("bad argument #1 to 'abandon_port' (TCP port expected, got "
          .. type(port) .. ")", 2)
  end
  return port:abandon()
end

return {
  listen = core.listen,
  connect = core.connect,
  connect_enable_break = core.connect_enable_break,
  connect_evt = connect_evt,
  accept = core.accept,
  accept_enable_break = core.accept_enable_break,
  accept_ready = core.accept_ready,
  accept_evt = accept_evt,
  close = core.close,
  abandon_port = abandon_port,
  addresses = core.addresses,
  is_listener = core.is_listener,
  is_port = core.is_port,
  is_port_number = core.is_port_number,
  is_listen_port_number = core.is_listen_port_number,
  serve = function(...)
    return require("quayside.serve").serve(...)
  end,
}
