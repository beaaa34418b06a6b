-- The client case: threads that each talk to an echo server.
--
-- client.lua port=N conns=N secs=S, or count=N instead of the time.
local quayside = require "quayside"

local options = { conns = 1, secs = 1 }
for _, argument in ipairs(arg) do
  local key, value = argument:match("^(%w+)=([%d.]+)$")
  options[key or error("bad argument " .. argument)] = tonumber(value)
end

local MESSAGE =
  "the quick brown fox jumps over the lazy dog, and then home again"

local count, errors, over = 0, 0, false

-- `rounds` round trips; a negative number ends when `over` says so.
local function talk(input, output, rounds)
  while rounds ~= 0 and not over do
    output:write(MESSAGE)
    output:flush()
    if input:read(#MESSAGE) ~= MESSAGE then
      errors = errors + 1
      break
    end
    count = count + 1
    rounds = rounds - 1
  end
  output:close()
  input:close()
end

local ports, threads = {}, {}
for i = 1, options.conns do
  ports[i] = { quayside.tcp.connect("127.0.0.1", math.tointeger(options.port)) }
end

local rounds = options.count and math.ceil(options.count / options.conns) or -1
local cpu = os.clock()
for i, pair in ipairs(ports) do
  threads[i] = quayside.spawn(talk, pair[1], pair[2], rounds)
end

-- Lua has no fine clock for the time of day: the sleep is the measure.
local counted
if rounds < 0 then
  quayside.sleep(options.secs)
  counted, over = count, true
end
for _, thread in ipairs(threads) do assert(thread:wait()) end

print(("mode=client count=%d rate=%.0f errors=%d cpu_us=%.3f"):format(
  count, (counted or 0) / options.secs, errors,
  (os.clock() - cpu) * 1e6 / count))
