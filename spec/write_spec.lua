-- Writing to ports.

local helper = require "helper"
local quayside = require "quayside"

local spawn = quayside.spawn
local argument_error, network_error = helper.argument_error,
                                      helper.network_error

local big = ("0123456789abcdef"):rep(1024 * 1024) -- 16 MiB

-- What can be read without waiting.
local function there(input)
  helper.let_run()
  if not input:ready() then return "" end
  return input:read_some()
end

local function drain(input, count)
  local taken = 0
  while taken < count do
    local bytes = input:read_some(count - taken)
    if not bytes then break end
    taken = taken + #bytes
  end
  return taken
end

describe("output:write", function()
  helper.check_leaks()

  it("takes strings and numbers, and returns the port", function()
    local a, b, c, d = helper.pair()
    assert.equal(b, b:write("a", 1, " ", 1.5, " ", 1e100, 2^53 | 0, ""))
    assert.equal(b, b:write())
    b:close()
    assert.equal("a1 1.5 1e+1009007199254740992", c:read("a"))
    helper.close(a, c, d)
  end)

  it("refuses other types before anything is written", function()
    local a, b, c, d = helper.pair()
    for _, wrong in ipairs {{}, true, print, b} do
      argument_error(b.write, b, "a", wrong)
    end
    argument_error(b.write, b, "a", nil)
    b:close()
    assert.is_nil(c:read())
    helper.close(a, c, d)
  end)

  it("keeps everything in block mode until the buffer is full, a flush or a "
     .. "close", function()
    local a, b, c, d = helper.pair()
    assert.equal("block", b:buffer_mode())
    b:write("kept\n")
    assert.equal("", there(c))
    b:flush()
    assert.equal("kept\n", there(c))
    b:write(("x"):rep(300 * 1024))
    assert.truthy(#there(c) > 0)
    drain(c, 100 * 1024)
    b:write("last")
    b:close()
    assert.equal("last", c:read("a"):sub(-4))
    helper.close(a, c, d)
  end)

  it("sends at once in mode none", function()
    local a, b, c, d = helper.pair()
    b:write("before,")
    assert.equal("none", b:buffer_mode "none")
    assert.equal("before,", there(c))
    b:write("now")
    assert.equal("now", there(c))
    helper.close(a, b, c, d)
  end)

  it("sends what has a line feed in it in mode line", function()
    local a, b, c, d = helper.pair()
    b:buffer_mode "line"
    b:write("no line ")
    assert.equal("", there(c))
    b:write("yet, but now\nand more")
    assert.equal("no line yet, but now\nand more", there(c))
    b:write("a", "\n", "b")
    assert.equal("a\nb", there(c))
    b:write("\r")
    assert.equal("", there(c))
    helper.close(a, b, c, d)
  end)

  it("sends in mode auto when the thread waits or ends, all at once",
     function()
    local a, b, c, d = helper.pair()
    b:buffer_mode "auto"
    local reading = spawn(c.read_some, c)
    helper.let_run()
    local writing = spawn(function()
      b:write("one ")
      b:write("two ")
      b:write("three")
    end)
    assert.equal("one two three", helper.join(reading))
    helper.join(writing)
    b:write("and from the main thread")
    quayside.sleep(0)
    assert.equal("and from the main thread", there(c))
    helper.close(a, b, c, d)
  end)

  it("sends in mode auto behind the thread's back as the peer makes room",
     function()
    local a, b, c, d = helper.pair()
    -- First the kernel's buffers are filled, with nobody waiting.
    while quayside.sync_timeout(0, b:write_evt(big)) do helper.let_run() end
    b:buffer_mode "auto"
    b:write("at the end")
    quayside.sleep(0)
    local last
    repeat
      local bytes = c:read_some()
      last = ((last or "") .. bytes):sub(-10)
    until last == "at the end"
    helper.close(a, b, c, d)
  end)

  it("raises in mode auto, at the next write, what went wrong behind it",
     function()
    for _, verb in ipairs {"write", "flush", "close", "write_some"} do
      local a, b, c, d = helper.pair()
      b:buffer_mode "auto"
      helper.close(c, d)
      b:write("into the void")
      quayside.sleep(0) -- the peer answers with a reset
      b:write("more of it")
      quayside.sleep(0) -- fails unseen
      local err = network_error(b[verb], b, verb:find "write" and "x" or nil)
      assert.is_true(err.code == "EPIPE" or err.code == "ECONNRESET")
      quayside.try(b.close, b)
      a:close()
    end
  end)

  it("is atomic: no write of another thread comes in between", function()
    local a, b, c, d = helper.pair()
    local writers, size = 6, 200 * 1000
    for i = 1, writers do
      spawn(function()
        local letter = string.char(96 + i)
        for _ = 1, 3 do b:write(letter:rep(size), letter, letter:rep(99)) end
        b:flush()
      end)
    end
    local expected = size + 100
    for _ = 1, writers * 3 do
      local bytes = c:read(expected)
      assert.equal(bytes:sub(1, 1):rep(expected), bytes)
    end
    helper.close(a, b, c, d)
  end)

  it("waits for a slow reader", function()
    local a, b, c, d = helper.pair()
    local writing = spawn(b.write, b, big)
    helper.let_run()
    assert.is_false(writing:is_dead())
    assert.equal(nil, quayside.sync_timeout(0, b))
    drain(c, #big - 1000)
    helper.join(writing)
    b:close()
    assert.equal(1000, drain(c, 2000))
    helper.close(a, c, d)
  end)

  it("uses no more memory than its buffers for 20 MB to a slow reader",
     function()
    local a, b, c, d = helper.pair()
    local piece = ("x"):rep(10000)
    local pieces = helper.rounds(2000, 100)
    collectgarbage()
    local before, most = helper.memory(), 0
    local writing = spawn(function()
      for _ = 1, pieces do b:write(piece) end
      b:close()
    end)
    local count = 0
    for bytes in c:lines(5000) do
      count = count + #bytes
      if count % 100000 == 0 then
        collectgarbage()
        most = math.max(most, helper.memory())
        quayside.sleep(0)
      end
    end
    helper.join(writing)
    assert.equal(pieces * #piece, count)
    if not os.getenv "QUAYSIDE_ROUNDS" then -- a checker's memory is its own
      assert.is_true(most - before < 4e6, most - before)
    end
    helper.close(a, c, d)
  end)
end)

describe("output:write_some", function()
  helper.check_leaks()

  it("sends as much as goes, behind what is buffered, and returns the count",
     function()
    local a, b, c, d = helper.pair()
    b:write("first ")
    assert.equal(6, b:write_some("second"))
    assert.equal("first second", there(c))
    local sent = b:write_some(big)
    assert.is_true(sent > 0 and sent < #big)
    local writing, has_sent
    repeat -- until one has to wait
      writing = spawn(b.write_some, b, big)
      helper.let_run()
      has_sent = writing:is_dead()
      if has_sent then sent = sent + helper.join(writing) end
    until not has_sent
    assert.equal(sent, drain(c, sent))
    assert.is_true(helper.join(writing) > 0)
    helper.close(a, b, c, d)
  end)

  it("takes a range of the string", function()
    local a, b, c, d = helper.pair()
    assert.equal(3, b:write_some("0123456789", 4, 6))
    assert.equal("345", c:read(3))
    assert.equal(2, b:write_some("0123456789", 9))
    assert.equal("89", c:read(2))
    assert.equal(0, b:write_some(""))
    assert.equal(0, b:write_some("abc", 4))
    assert.equal(0, b:write_some("abc", 2, 1))
    for _, range in ipairs {{0}, {-1}, {5}, {1, 4}, {2, 0}, {1.5}, {"x"}} do
      argument_error(b.write_some, b, "abc", table.unpack(range))
    end
    argument_error(b.write_some, b)
    argument_error(b.write_some, b, {})
    helper.close(a, b, c, d)
  end)
end)

describe("output:flush", function()
  helper.check_leaks()

  it("returns when all is with the kernel", function()
    local a, b, c, d = helper.pair()
    local writing = spawn(b.write, b, big)
    local flushing = spawn(b.flush, b)
    helper.let_run()
    assert.is_false(writing:is_dead() or flushing:is_dead())
    assert.equal(#big, drain(c, #big))
    helper.join(flushing)
    helper.join(writing)
    assert.equal(b, quayside.sync_timeout(0, b))
    helper.close(a, b, c, d)
  end)
end)

describe("output:write_evt", function()
  helper.check_leaks()

  it("sends when chosen, and tells how much", function()
    local a, b, c, d = helper.pair()
    assert.equal(5, quayside.sync(b:write_evt("event")))
    assert.equal("event", c:read(5))
    argument_error(b.write_evt, b, {})
    helper.close(a, b, c, d)
  end)

  it("sends nothing when not chosen", function()
    local a, b, c, d = helper.pair()
    local expected = 0
    for _ = 1, helper.rounds(200, 30) do
      if quayside.sync(quayside.evt.always, b:write_evt("x")) == 1 then
        expected = expected + 1
      end
    end
    b:close()
    assert.equal(expected, #c:read("a"))
    helper.close(a, c, d)
  end)
end)

describe("buffer_mode and setvbuf", function()
  helper.check_leaks()

  it("know the modes of either port, and refuse others", function()
    local a, b, c, d = helper.pair()
    for _, mode in ipairs {"none", "line", "auto", "block"} do
      assert.equal(mode, b:buffer_mode(mode))
      assert.equal(mode, b:buffer_mode())
    end
    for _, mode in ipairs {"none", "block"} do
      assert.equal(mode, a:buffer_mode(mode))
    end
    for name, mode in pairs {no = "none", line = "line", full = "block"} do
      b:setvbuf(name)
      assert.equal(mode, b:buffer_mode())
    end
    a:setvbuf("no")
    assert.equal("none", a:buffer_mode())
    for _, wrong in ipairs {"bogus", "full", 1, {}, true} do
      argument_error(b.buffer_mode, b, wrong)
    end
    argument_error(a.buffer_mode, a, "line")
    argument_error(a.buffer_mode, a, "auto")
    argument_error(b.setvbuf, b, "block")
    argument_error(b.setvbuf, b)
    helper.close(a, b, c, d)
  end)

  it("flush when the new mode would not have kept what is there", function()
    local a, b, c, d = helper.pair()
    for _, mode in ipairs {"none", "line", "auto"} do
      b:buffer_mode "block"
      b:write(mode)
      b:buffer_mode(mode)
      assert.equal(mode, there(c))
    end
    b:buffer_mode "block"
    b:write("kept")
    b:buffer_mode "block"
    assert.equal("", there(c))
    helper.close(a, b, c, d)
  end)

  it("raise the closed error on a closed port", function()
    local a, b, c, d = helper.pair()
    helper.close(a, b, c, d)
    for _, each in ipairs {a, b} do
      assert.equal("closed", network_error(each.buffer_mode, each).code)
      assert.equal("closed", network_error(each.buffer_mode, each,
                                           "none").code)
    end
  end)
end)

describe("port.copy", function()
  helper.check_leaks()

  it("copies to the end of file, to several outputs, and counts", function()
    local a, b, c, d = helper.pair()
    local e, f, g, h = helper.pair()
    local i, j, k, l = helper.pair()
    local bytes = ("copied"):rep(50000)
    spawn(function()
      b:write(bytes)
      b:close()
    end)
    local copying = spawn(function()
      local count = quayside.port.copy(c, f, j)
      helper.close(f, j)
      return count
    end)
    local first = spawn(g.read, g, "a")
    assert.equal(bytes, k:read("a"))
    assert.equal(bytes, helper.join(first))
    assert.equal(#bytes, helper.join(copying))
    helper.close(a, c, d, e, g, h, i, k, l)
  end)
end)
