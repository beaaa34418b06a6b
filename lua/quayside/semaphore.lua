--- Semaphores: a counter that threads wait to be able to decrement.
--
-- Source: the Racket reference, "Semaphores".
-- @module quayside.semaphore

local core = require "quayside.core"
local evt = require "quayside.evt"
local queue = require "quayside.queue"

local Semaphore = {__name = "quayside.semaphore"}
Semaphore.__index = Semaphore

local wait = {
  try = function(event)
    local self = event.semaphore
    if self.count == 0 then return false end
    self.count = self.count - 1
    return true, self
  end,
  block = function(event, slot, i)
    return event.semaphore.waiters:join(slot, i)
  end,
  withdraw = function(event, entry)
    event.semaphore.waiters:leave(entry)
  end,
  idle = function(event)
    return event.semaphore.count == 0
  end,
}

local peek = {
  try = function(event)
    if event.semaphore.count == 0 then return false end
    return true, event
  end,
  block = function(event, slot, i)
    return event.semaphore.peekers:join(slot, i)
  end,
  withdraw = function(event, entry)
    event.semaphore.peekers:leave(entry)
  end,
  idle = function(event)
    return event.semaphore.count == 0
  end,
}

local function check(self, name)
  if getmetatable(self) == Semaphore then return end
  error(("bad argument #1 to '%s' (semaphore expected, got %s)")
        :format(name, type(self)), 3)
end

-- A semaphore is an event: ready when the count could be decremented, which
-- choosing it does; itself as result.
function Semaphore:__evt()
  return self.wait_evt
end

local function first_of(waiting, result)
  local entry = waiting.first
  while entry do
    waiting:leave(entry)
    if entry.slot:complete(entry.i, result) then return true end
    entry = waiting.first
  end
  return false
end

--- Increments the count, or lets the first who waits go on.
function Semaphore:post()
  check(self, "post")
  if first_of(self.waiters, self) then return end
  self.count = self.count + 1
  while first_of(self.peekers, self.peeking) do end
end

--- Waits until the count is above 0, and decrements it.
function Semaphore:wait()
  check(self, "wait")
  core.prepare(false)
  if not wait.try(self.wait_evt) then evt.sync(self.wait_evt) end
end

--- Decrements the count if it is above 0.
-- @treturn boolean whether it was
function Semaphore:try_wait()
  check(self, "try_wait")
  if self.count == 0 then return false end
  self.count = self.count - 1
  return true
end

--- An event: ready when the count is above 0, which it stays; itself as
-- result.
function Semaphore:peek_evt()
  check(self, "peek_evt")
  return self.peeking
end

--- A new semaphore.
-- @tparam[opt=0] integer count
local function new(count)
  count = count == nil and 0 or count
  if math.type(count) ~= "integer" or count < 0 then
    error("bad argument #1 to 'new' (count must be an integer, not negative)",
          2)
  end
  local self = {count = count, waiters = queue.new(), peekers = queue.new()}
  self.wait_evt = evt.base(wait, {semaphore = self})
  self.peeking = evt.base(peek, {semaphore = self})
  return setmetatable(self, Semaphore)
end

--- Is `v` a semaphore?  Never raises.
local function is_semaphore(v)
  return getmetatable(v) == Semaphore
end

return {
  new = new,
  is_semaphore = is_semaphore,
  post = Semaphore.post,
  wait = Semaphore.wait,
  try_wait = Semaphore.try_wait,
  peek_evt = Semaphore.peek_evt,
}
