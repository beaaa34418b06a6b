local helper = require "helper"
local quayside = require "quayside"

local channel, evt, tcp = quayside.channel, quayside.evt, quayside.tcp
local thread, error_of = quayside.thread, quayside.error
local spawn, random = quayside.spawn, math.random

-- A branch that loses has no effect: connections, bytes and messages are
-- offered to threads that choose among all of them, and that are broken,
-- killed and timed out at random.  In the end everything must have been
-- delivered once, in order.
--
-- Whatever is chosen is noted by a wrap, in the thread that chose.

-- The byte at each place of the stream that is read.
local PATTERN = {}
for i = 0, 1023 do PATTERN[i + 1] = ("%07x\n"):format(i * 7919) end
PATTERN = table.concat(PATTERN)

local function pattern(from, to)
  local size = #PATTERN
  local start = from % size
  local n = to - from
  local repeated = PATTERN:rep((start + n) // size + 1)
  return repeated:sub(start + 1, start + n)
end

local World = {}
World.__index = World

local function new_world()
  local self = setmetatable({
    fed = 0, taken = 0, -- bytes of the stream that is read
    runs = {}, first_run = 1, last_run = 0, -- of the one that is written
    clients = {}, client_count = 0, connected = 0, accepted = 0,
    messages = channel.new(), message_count = 0, put = {}, got = {},
    choices = 0, breaks = 0, kills = 0, time_outs = 0, choosers = {},
  }, World)
  self.listener, self.port = helper.listener(64)
  local a = {helper.pair()}
  self.input, self.feeder = a[1], a[4]
  local b = {helper.pair()}
  self.output, self.drain_from = b[2], b[3]
  helper.close(a[2], a[3], b[1], b[4])
  self.accept = self.listener:accept_evt()
  return self
end

-- Branches -------------------------------------------------------------------

-- Notes that this sync has chosen; a second time is an error.
local function choose(world, mark)
  assert(not mark.is_chosen, "one sync chose twice")
  mark.is_chosen = true
  world.choices = world.choices + 1
end

function World:read_evt(mark)
  local kind = random(3)
  local event
  if kind == 1 then event = self.input:read_evt(random(40))
  elseif kind == 2 then event = self.input:read_some_evt(random(1, 60))
  else event = self.input:read_line_evt() end
  return evt.wrap(event, function(bytes)
    choose(self, mark)
    if kind == 3 then bytes = bytes .. "\n" end
    local from = self.taken
    self.taken = from + #bytes
    assert(bytes == pattern(from, self.taken), "bytes lost or taken twice")
  end)
end

-- Long and short strings of one letter each.
local letters, strings = {}, {}
for i = 1, 26 do
  letters[i] = string.char(96 + i)
  strings[i] = {letters[i]:rep(i), letters[i]:rep(i * 10),
                letters[i]:rep(i * 2000)}
end

function World:write_evt(mark)
  local i = random(26)
  local letter, bytes = letters[i], strings[i][random(3)]
  return evt.wrap(self.output:write_evt(bytes), function(count)
    choose(self, mark)
    self.last_run = self.last_run + 1
    self.runs[self.last_run] = {letter, count}
  end)
end

local function attend(world, input, output)
  local id = tonumber(input:read_line())
  assert(world.clients[id], "no such client, or accepted twice")
  helper.close(world.clients[id][1], world.clients[id][2], input, output)
  world.clients[id] = nil
  world.client_count = world.client_count - 1
end

function World:accept_evt(mark)
  return evt.wrap(self.accept, function(input, output)
    choose(self, mark)
    self.accepted = self.accepted + 1
    spawn(attend, self, input, output)
  end)
end

-- A thread that is killed between having been chosen by its partner and its
-- next turn cannot note it; but then its nack stays shut.
local function guarded(mark, name, event)
  return evt.nack_guard(function(nack)
    mark[name] = nack
    return event
  end)
end

function World:put_evt(mark)
  local id = self.message_count + 1
  self.message_count = id
  mark.id = id
  return guarded(mark, "put_nack", evt.wrap(self.messages:put_evt(id),
                                            function()
    choose(self, mark)
    assert(not self.put[id])
    self.put[id] = true
  end))
end

function World:get_evt(mark)
  return guarded(mark, "get_nack", evt.wrap(self.messages, function(id)
    choose(self, mark)
    assert(not self.got[id], "a message came twice")
    self.got[id] = true
  end))
end

local branches = {World.read_evt, World.write_evt, World.accept_evt,
                  World.put_evt, World.get_evt}

function World:some_branches(mark)
  local list = {evt.never}
  for _, branch in ipairs(branches) do
    if random(3) > 1 then
      table.insert(list, random(#list), branch(self, mark))
    end
  end
  return evt.choice(table.unpack(list))
end

-- Choosers -------------------------------------------------------------------

local time_outs = {0, 0, 1e-6, 1e-3}

function World:one_sync(chooser)
  local mark = {}
  chooser.mark = mark
  local seconds = time_outs[random(8)]
  local event = self:some_branches(mark)
  local ok, err = pcall(chooser.sync, seconds, event)
  if ok then
    if not mark.is_chosen then self.time_outs = self.time_outs + 1 end
    assert(mark.is_chosen or seconds, "neither chosen nor timed out")
  else
    assert(error_of.is_break(err), err)
    assert(not mark.is_chosen, "chosen and broken")
    self.breaks = self.breaks + 1
  end
end

-- Every second one runs with breaks disabled, and lets them in by the sync.
function World:add_chooser(i)
  local chooser = {
    sync = i % 2 == 0 and evt.sync_timeout_enable_break or evt.sync_timeout,
  }
  self.choosers[i] = chooser
  local function choose_for_ever()
    while true do
      local ok, err = pcall(self.one_sync, self, chooser)
      if not ok then self.failure = err end
    end
  end
  -- A break that was kept comes when the region with breaks disabled ends.
  chooser.thread = spawn(pcall, thread.with_break, i % 2 ~= 0,
                         choose_for_ever)
end

local function is_shut(nack)
  return nack ~= nil and evt.sync_timeout(0, nack) ~= nack
end

-- What the dead one was chosen for and could not note.
function World:kill(i)
  local chooser = self.choosers[i]
  local mark = chooser.mark or {}
  chooser.thread:kill()
  self.kills = self.kills + 1
  if not mark.is_chosen and is_shut(mark.put_nack) then
    self.put[mark.id] = true
  elseif not mark.is_chosen and is_shut(mark.get_nack) then
    self.lost_gets = (self.lost_gets or 0) + 1
  end
end

-- What happens meanwhile -----------------------------------------------------

function World:feed()
  if self.fed - self.taken > 20000 then return end
  local size = random(500)
  self.feeder:write(pattern(self.fed, self.fed + size)):flush()
  self.fed = self.fed + size
end

-- Compares what the peer gets with what was said to be sent.
function World:compare(bytes)
  local at = 1
  while at <= #bytes do
    local run = self.runs[self.first_run]
    assert(run, self.failure or "bytes were sent that nobody chose")
    local n = math.min(run[2], #bytes - at + 1)
    assert(bytes:sub(at, at + n - 1) == run[1]:rep(n),
           self.failure or "other bytes were sent")
    at, run[2] = at + n, run[2] - n
    if run[2] == 0 then
      self.runs[self.first_run] = nil
      self.first_run = self.first_run + 1
    end
  end
end

function World:drain()
  if not self.drain_from:ready() then return end
  self:compare(self.drain_from:read_some(random(40000)))
end

function World:connect()
  if self.client_count > 8 or self.connected > 4000 then return end
  local id = self.connected + 1
  local input, output = tcp.connect("127.0.0.1", self.port)
  output:write(id, "\n"):flush()
  self.clients[id] = {input, output}
  self.connected, self.client_count = id, self.client_count + 1
end

function World:torment()
  local i = random(#self.choosers)
  if random(3) == 1 then
    self:kill(i)
    self:add_chooser(i)
  else
    self.choosers[i].thread:send_break()
  end
end

local happenings = {
  World.feed, World.feed, World.feed, World.drain, World.drain,
  World.connect, World.torment,
}

function World:run(choices)
  for i = 1, 12 do self:add_chooser(i) end
  while self.choices < choices and not self.failure do
    happenings[random(#happenings)](self)
    thread.yield()
  end
  for i = 1, #self.choosers do self:kill(i) end
  assert(not self.failure, self.failure)
end

-- The end: what is left is there, and nothing else ---------------------------

function World:check_stream()
  self.feeder:close()
  local rest = self.input:read "a"
  assert.equal(pattern(self.taken, self.fed), rest)
  self.output:close()
  self:compare(self.drain_from:read "a")
  assert.is_nil(self.runs[self.first_run])
end

function World:check_clients()
  while tcp.accept_ready(self.listener) do
    self.accepted = self.accepted + 1
    attend(self, tcp.accept(self.listener))
  end
  thread.yield()
  assert.equal(self.connected, self.accepted)
  assert.is_nil(next(self.clients))
end

function World:check_messages()
  local puts, gets = 0, 0
  for id in pairs(self.got) do
    gets = gets + 1
    assert(self.put[id], "got what was not put")
  end
  for _ in pairs(self.put) do puts = puts + 1 end
  assert.equal(puts, gets + (self.lost_gets or 0))
  assert.is_nil(self.messages.getters.first or self.messages.putters.first)
end

function World:close()
  helper.close(self.input, self.feeder, self.output, self.drain_from,
               self.listener)
end

describe("a losing branch", function()
  helper.check_leaks(120)

  it("has no effect: every connection, byte and message comes once",
     function()
    helper.with_seed(function()
      local world = new_world()
      world:run(helper.rounds(100000, 1000))
      for _ = 1, 20 do thread.yield() end
      world:check_stream()
      world:check_clients()
      world:check_messages()
      assert(world.kills > 0 and world.breaks > 0 and world.time_outs > 0
             and world.accepted > 0)
      world:close()
    end)
  end)
end)
