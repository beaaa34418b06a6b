--- What the specs of UDP share.
local helper = require "helper"
local assert = require "luassert"
local udp = require "quayside.udp"

local common = {}

--- A socket bound to a loopback address, and its port number.
function common.bound(host)
  host = host or "127.0.0.1"
  local u = udp.open(host)
  u:bind(host, 0)
  local _, port = u:addresses(true)
  return u, port
end

--- Calls `f(...)`, whose network error must have the fields `expected`.
-- @treturn table the error object
function common.fails(expected, f, ...)
  local err = helper.network_error(f, ...)
  for key, value in pairs(expected) do assert.equal(value, err[key]) end
  return err
end

--- Nothing is there, and the socket still works.
function common.assert_usable(u, port)
  assert.is_nil(u:try_receive())
  local host = u:addresses()
  local peer = udp.open(host)
  peer:send_to(host, port, "usable")
  assert.equal("usable", (u:receive()))
  peer:close()
end

--- What is to be tried with each family the machine has.
common.families = {{name = "IPv4", host = "127.0.0.1", any = "0.0.0.0"}}
if helper.has_ipv6() then
  common.families[2] = {name = "IPv6", host = "::1", any = "::"}
end

return common
