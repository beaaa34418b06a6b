--- A first-come, first-served queue whose entries can leave from anywhere.
--
-- Doubly linked through the entries themselves (fields `before` and `after`),
-- so that joining and leaving take constant time and an empty queue holds
-- nothing.
-- @module quayside.queue

local Queue = {__name = "quayside.queue"}
Queue.__index = Queue

--- Puts slot and number of a case at the end, with what else its class keeps
-- there.
-- @treturn table the entry: `slot`, `i`, `event`
function Queue:join(slot, i, event)
  local last = self.last
  -- All fields are named here so that the table need not grow.
  local entry = {slot = slot, i = i, event = event, queue = self,
                 before = last, after = nil}
  if last then last.after = entry else self.first = entry end
  self.last = entry
  return entry
end

--- Takes an entry out.  No effect on one that has left.
function Queue:leave(entry)
  if entry.queue ~= self then return end
  local before, after = entry.before, entry.after
  if before then before.after = after else self.first = after end
  if after then after.before = before else self.last = before end
  entry.queue, entry.before, entry.after = nil, nil, nil
end

local function new()
  return setmetatable({}, Queue)
end

return {new = new}
