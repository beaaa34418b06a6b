--- TCP: listen, connect, accept.
--
-- Source: the Racket reference, 15.3.1 "TCP".
-- @module quayside.tcp

local core = require "quayside.core"
local evt = require "quayside.evt"
require "quayside.port"

local listener = core.methods_of "quayside.listener"

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

listener.addresses = core.addresses

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
  accept_evt = listener.accept_evt,
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
