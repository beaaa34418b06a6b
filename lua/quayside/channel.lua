--- Channels: a value passes from one thread to another when both are there.
--
-- Getters are served in the order they came, putters likewise.
--
-- Source: the Racket reference, "Channels"; Reppy, "Concurrent Programming in
-- ML", chapter 3.
-- @module quayside.channel

local core = require "quayside.core"
local evt = require "quayside.evt"
local queue = require "quayside.queue"

local Channel = {__name = "quayside.channel"}
Channel.__index = Channel

local function withdraw(_, entry)
  if entry.queue then entry.queue:leave(entry) end
end

local get = {
  try = function(event)
    local putters = event.channel.putters
    local entry = putters.first
    while entry do
      putters:leave(entry)
      local put = entry.event
      if entry.slot:complete(entry.i, put) then return true, put.value end
      entry = putters.first
    end
    return false
  end,
  block = function(event, slot, i)
    return event.channel.getters:join(slot, i, event)
  end,
  withdraw = withdraw,
  idle = function(event)
    return not event.channel.putters.first
  end,
}

local put = {
  try = function(event)
    local getters = event.channel.getters
    local entry = getters.first
    while entry do
      getters:leave(entry)
      if entry.slot:complete(entry.i, event.value) then return true, event end
      entry = getters.first
    end
    return false
  end,
  block = function(event, slot, i)
    return event.channel.putters:join(slot, i, event)
  end,
  withdraw = withdraw,
  idle = function(event)
    return not event.channel.getters.first
  end,
}

local function check(self, name)
  if getmetatable(self) == Channel then return end
  error(("bad argument #1 to '%s' (channel expected, got %s)")
        :format(name, type(self)), 3)
end

-- A channel is an event: ready when a value can be had, which is the result.
function Channel:__evt()
  return self.get_evt
end

--- An event: ready when somebody takes `value`; itself as result.
-- @param value anything but nil
function Channel:put_evt(value)
  check(self, "put_evt")
  if value == nil then
    error("bad argument #1 to 'put_evt' (value expected, got nil)", 2)
  end
  return evt.base(put, {channel = self, value = value})
end

--- Waits until somebody takes `value`.
-- @param value anything but nil
function Channel:put(value)
  check(self, "put")
  if value == nil then
    error("bad argument #1 to 'put' (value expected, got nil)", 2)
  end
  local event = evt.base(put, {channel = self, value = value})
  core.prepare(false)
  if not put.try(event) then evt.sync(event) end
end

--- Waits for a value and returns it.
function Channel:get()
  check(self, "get")
  core.prepare(false)
  local happened, value = get.try(self.get_evt)
  if happened then return value end
  return evt.sync(self.get_evt)
end

--- A value, if one can be had at once; else nil.
function Channel:try_get()
  check(self, "try_get")
  return evt.sync_timeout(0, self.get_evt)
end

--- A new channel.
local function new()
  local channel = {getters = queue.new(), putters = queue.new()}
  channel.get_evt = evt.base(get, {channel = channel})
  return setmetatable(channel, Channel)
end

--- Is `v` a channel?  Never raises.
local function is_channel(v)
  return getmetatable(v) == Channel
end

return {
  new = new,
  is_channel = is_channel,
  put = Channel.put,
  get = Channel.get,
  try_get = Channel.try_get,
  put_evt = Channel.put_evt,
}
