--- UDP: datagrams.
--
-- A socket belongs to the custodian that was current when it was opened; it is
-- an object with all the functions of this module that take one as methods.
--
-- Source: the Racket reference, 15.3.2 "UDP".
-- @module quayside.udp

local core = require "quayside.core"

local socket = core.methods_of "quayside.udp"

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
