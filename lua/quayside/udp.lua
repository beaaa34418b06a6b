--- UDP: datagrams.
--
-- A socket belongs to the custodian that was current when it was opened; it is
-- an object with all the functions of this module that take one as methods.
--
-- Source: the Racket reference, 15.3.2 "UDP".
-- @module quayside.udp

local core = require "quayside.core"
local base = require("quayside.event").base

local socket = core.methods_of "quayside.udp"

-- Events ----------------------------------------------------------------------
--
-- The elements of an event are the socket and the arguments of the call that
-- tries it.

local function ready_when(can)
  return function(event)
    if not can(event[1]) then return false end
    return true, event
  end
end

local receive_ready = {
  try = ready_when(core.can_udp_receive),
  block = core.block_udp_look,
  idle = core.is_udp_idle,
}

local receive = {
  try = core.try_udp_receive,
  block = core.block_udp_receive,
  idle = core.is_udp_idle,
}

local send_ready = {
  try = ready_when(core.can_udp_send),
  block = core.block_udp_room,
}

local send = {try = core.try_udp_send, block = core.block_udp_send}
local send_to = {try = core.try_udp_send_to, block = core.block_udp_send}

local function check_socket(v, name)
  if core.is_udp(v) then return end
  error(("bad argument #1 to '%s' (quayside.udp expected, got %s)")
        :format(name, type(v)), 3)
end

--- An event: ready when receive would not wait; itself as result.
-- Nothing is received.
function socket:receive_ready_evt()
  check_socket(self, "receive_ready_evt")
  return base(receive_ready, {self})
end

--- An event: ready when send would not wait; itself as result.
function socket:send_ready_evt()
  check_socket(self, "send_ready_evt")
  return base(send_ready, {self})
end

--- An event: ready when there is a datagram; the results are those of receive.
-- If it is not chosen, nothing is received.
-- @tparam[opt] integer max as of receive
function socket:receive_evt(max)
  core.check_udp_receive(self, max)
  return base(receive, {self, max})
end

--- An event: ready when the datagram can be sent to the peer; the result is
-- true.  If it is not chosen, nothing is sent.
-- @tparam string data
-- @tparam[opt] integer i the first and
-- @tparam[opt] integer j the last byte to be sent
function socket:send_evt(data, i, j)
  local piece = core.check_udp_send(self, data, i, j)
  return base(send, {self, piece})
end

--- An event: ready when the datagram can be sent; the result is true.  If it is
-- not chosen, nothing is sent.  A host name is looked up when the event is
-- made, which waits, and may raise.
-- @tparam string hostname
-- @tparam integer port
-- @tparam string data
-- @tparam[opt] integer i the first and
-- @tparam[opt] integer j the last byte to be sent
function socket:send_to_evt(hostname, port, data, i, j)
  local piece, to = core.find_udp(self, hostname, port, data, i, j)
  return base(send_to, {self, piece, to})
end

return {
  open = core.open_udp,
  is_udp = core.is_udp,

  bind = socket.bind,
  connect = socket.connect,
  close = socket.close,
  is_bound = socket.is_bound,
  is_connected = socket.is_connected,
  addresses = socket.addresses,

  send_to = socket.send_to,
  send = socket.send,
  try_send_to = socket.try_send_to,
  try_send = socket.try_send,
  send_to_enable_break = socket.send_to_enable_break,
  send_enable_break = socket.send_enable_break,
  receive = socket.receive,
  try_receive = socket.try_receive,
  receive_enable_break = socket.receive_enable_break,

  send_ready_evt = socket.send_ready_evt,
  receive_ready_evt = socket.receive_ready_evt,
  send_to_evt = socket.send_to_evt,
  send_evt = socket.send_evt,
  receive_evt = socket.receive_evt,

  set_receive_buffer_size = socket.set_receive_buffer_size,
  ttl = socket.ttl,
  set_ttl = socket.set_ttl,
  multicast_join_group = socket.multicast_join_group,
  multicast_leave_group = socket.multicast_leave_group,
  multicast_interface = socket.multicast_interface,
  multicast_set_interface = socket.multicast_set_interface,
  is_multicast_loopback = socket.is_multicast_loopback,
  multicast_set_loopback = socket.multicast_set_loopback,
  multicast_ttl = socket.multicast_ttl,
  multicast_set_ttl = socket.multicast_set_ttl,
}
