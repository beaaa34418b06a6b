-- Half-close, close, abandon, and the end of a connection.

local helper = require "helper"
local quayside = require "quayside"

local tcp, spawn, custodian = quayside.tcp, quayside.spawn, quayside.custodian
local network_error = helper.network_error

local function say(output, text)
  output:write(text)
  output:flush()
end

-- Writes until no more goes; returns the writing thread, stuck.
local function stuck_writer(output)
  local writing = spawn(function()
    return quayside.try(output.write, output, ("x"):rep(16 * 1024 * 1024))
  end)
  helper.let_run()
  assert.is_false(writing:is_dead())
  return writing
end

local function drain(input)
  local count = 0
  local bytes = input:read_some()
  while bytes do
    count = count + #bytes
    bytes = input:read_some()
  end
  return count
end

-- Makes writes fail: a peer that is gone with bytes in flight answers the
-- next bytes with a reset.
local function reset(input, output, far_output)
  helper.close(input, output)
  say(far_output, "into the void")
  helper.let_run()
end

describe("Closing the output", function()
  helper.check_leaks()

  it("sends what is buffered, then the end, and leaves the input open",
     function()
    local a, b, c, d = helper.pair()
    b:write("buffered")
    b:close()
    assert.equal("buffered", c:read("a"))
    assert.is_nil(c:read(1))
    say(d, "answer")
    d:close()
    assert.equal("answer", a:read("a"))
    helper.close(a, c)
  end)

  it("has no effect the second time", function()
    local a, b, c, d = helper.pair()
    for _ = 1, 3 do
      b:close()
      a:close()
    end
    assert.is_true(a:is_closed())
    assert.is_true(b:is_closed())
    helper.close(c, d)
  end)

  it("leaves a thread alone that reads from the other port", function()
    local a, b, c, d = helper.pair()
    local reading = spawn(a.read, a)
    helper.let_run()
    b:close()
    helper.let_run()
    assert.is_false(reading:is_dead())
    say(d, "later\n")
    assert.equal("later", helper.join(reading))
    helper.close(a, c, d)
  end)

  it("waits for a slow peer, and meanwhile takes no new writes", function()
    local a, b, c, d = helper.pair()
    local writing = stuck_writer(b)
    local closing = spawn(b.close, b)
    local second = spawn(b.close, b)
    helper.let_run()
    assert.is_false(closing:is_dead())
    assert.is_true(b:is_closed())
    assert.equal("closed", network_error(b.write, b, "more").code)
    assert.equal("closed", network_error(b.write_some, b, "more").code)
    assert.equal(16 * 1024 * 1024, drain(c))
    helper.join(closing)
    helper.join(second)
    assert.equal(b, helper.join(writing))
    helper.close(a, c, d)
  end)

  it("can be broken while it waits, and done again", function()
    local a, b, c, d = helper.pair()
    local writing = stuck_writer(b)
    local closing = spawn(quayside.try, b.close, b)
    helper.let_run()
    closing:send_break()
    local ok, err = closing:wait()
    assert.is_false(ok)
    assert.is_true(quayside.error.is_break(err))
    local again = spawn(b.close, b)
    assert.equal(16 * 1024 * 1024, drain(c))
    helper.join(again)
    helper.join(writing)
    helper.close(a, c, d)
  end)

  it("raises once if the flush fails, and is closed all the same", function()
    local a, b, c, d = helper.pair()
    b:write("never to arrive")
    reset(c, d, b)
    b:write("more of that")
    local err = network_error(b.close, b)
    assert.is_true(err.code == "EPIPE" or err.code == "ECONNRESET")
    assert.is_true(b:is_closed())
    b:close()
    a:close()
  end)

  it("happens at the end of a scope, with a flush", function()
    local a, b, c, d = helper.pair()
    do
      local output <close> = b
      output:write("scoped")
    end
    assert.equal("scoped", c:read("a"))
    helper.close(a, c, d)
  end)

  it("happens when the garbage collector finds it, with one attempt to send",
     function()
    local function forget_client()
      local _, b, c, d = helper.pair()
      b:write("collected")
      return c, d
    end
    local c, d = forget_client()
    collectgarbage()
    collectgarbage()
    assert.equal("collected", c:read("a"))
    helper.close(c, d)
  end)
end)

describe("Closing the input", function()
  helper.check_leaks()

  it("is not noticed by the peer, whose bytes are forgotten", function()
    local a, b, c, d = helper.pair()
    a:close()
    for _ = 1, 10 do
      say(d, "unheard")
      helper.let_run()
    end
    say(b, "still talking\n")
    assert.equal("still talking", c:read())
    helper.close(b, c, d)
  end)

  it("wakes every kind of waiter with the closed error", function()
    local a, b, c, d = helper.pair()
    say(d, "no line end")
    helper.let_run()
    local waiting = {
      spawn(quayside.try, a.read_line, a),
      spawn(quayside.try, a.read, a, 100),
      spawn(quayside.try, a.read_some, a),
      spawn(quayside.try, a.peek, a, 100),
      spawn(quayside.try, quayside.sync, a:read_evt(100)),
      spawn(quayside.try, quayside.sync, a:eof_evt()),
    }
    helper.let_run()
    a:close()
    for i, each in ipairs(waiting) do
      local result, err = helper.join(each)
      assert.is_nil(result, i)
      assert.equal("closed", err.code, i)
    end
    helper.close(b, c, d)
  end)

  it("makes the port and its closed event ready", function()
    local a, b, c, d = helper.pair()
    local closed = a:closed_evt()
    local looking = spawn(quayside.sync, a)
    local waiting = spawn(quayside.sync, closed)
    helper.let_run()
    assert.is_false(looking:is_dead() or waiting:is_dead())
    a:close()
    assert.equal(a, helper.join(looking))
    assert.equal(closed, helper.join(waiting))
    assert.equal(a, quayside.sync_timeout(0, a))
    assert.equal(closed, quayside.sync_timeout(0, closed))
    helper.close(b, c, d)
  end)

  it("leaves a thread alone that writes to the other port", function()
    local a, b, c, d = helper.pair()
    local writing = stuck_writer(b)
    a:close()
    helper.let_run()
    assert.is_false(writing:is_dead())
    local closing = spawn(b.close, b)
    assert.equal(16 * 1024 * 1024, drain(c))
    assert.equal(b, helper.join(writing))
    helper.join(closing)
    helper.close(c, d)
  end)
end)

describe("The end of a connection", function()
  helper.check_leaks()

  it("comes with the second port, in either order", function()
    for order = 1, 2 do
      local a, b, c, d = helper.pair()
      local before = helper.descriptors()
      local first, second = a, b
      if order == 2 then first, second = b, a end
      first:close()
      assert.equal(before, helper.descriptors())
      second:close()
      assert.equal(before - 1, helper.descriptors())
      assert.is_nil(c:read())
      helper.close(c, d)
    end
  end)

  it("keeps what was sent although the peer's bytes were never read",
     function()
    local a, b, c, d = helper.pair()
    say(b, ("unread"):rep(1000))
    helper.let_run()
    local size = 300 * 1000
    d:write(("y"):rep(size))
    helper.close(d, c)
    assert.equal(size, drain(a))
    helper.close(a, b)
  end)

  it("keeps what was sent although only some was read", function()
    local a, b, c, d = helper.pair()
    say(b, "GET /\n" .. ("rest"):rep(10000))
    assert.equal("GET /", c:read())
    d:write("an answer")
    helper.close(c, d)
    assert.equal("an answer", a:read("a"))
    helper.close(a, b)
  end)
end)

describe("Abandoning", function()
  helper.check_leaks()

  it("flushes an output, and sends no end before the input is closed",
     function()
    local a, b, c, d = helper.pair()
    b:write("flushed\n")
    b:abandon()
    assert.equal("flushed", c:read())
    helper.let_run()
    assert.is_false(c:ready())
    say(d, "still there?\n")
    assert.equal("still there?", a:read())
    a:close()
    assert.is_nil(c:read())
    helper.close(c, d)
  end)

  it("has no effect on what is closed or abandoned", function()
    local a, b, c, d = helper.pair()
    b:abandon()
    b:abandon()
    b:close()
    a:close()
    a:abandon()
    c:abandon()
    d:close()
    tcp.abandon_port(d)
    assert.is_true(d:is_closed())
  end)

  it("refuses what is no TCP port", function()
    local listener = helper.listener()
    for _, wrong in ipairs {5, "x", {}, io.stdout, listener} do
      helper.argument_error(tcp.abandon_port, wrong)
    end
    tcp.close(listener)
  end)
end)

describe("Shutting a custodian down", function()
  helper.check_leaks()

  it("closes its ports without flushing; the peer sees an end", function()
    local listener, port = helper.listener()
    local owner, a, b = helper.under_custodian(tcp.connect, "127.0.0.1", port)
    local c, d = tcp.accept(listener)
    b:write("never sent")
    owner:shutdown_all()
    assert.is_nil(c:read("l"))
    assert.equal("closed", network_error(a.read, a).code)
    assert.equal("closed", network_error(b.write, b, "x").code)
    helper.close(c, d)
    tcp.close(listener)
  end)

  it("wakes a reader, a stuck writer and those who close", function()
    local listener, port = helper.listener()
    local owner, a, b = helper.under_custodian(tcp.connect, "127.0.0.1", port)
    local c, d = tcp.accept(listener)
    local reading = spawn(quayside.try, a.read, a)
    local writing = stuck_writer(b)
    local closing = spawn(quayside.try, b.close, b)
    helper.let_run()
    owner:shutdown_all()
    for _, each in ipairs {reading, writing} do
      local result, err = helper.join(each)
      assert.is_nil(result)
      assert.equal("closed", err.code)
    end
    closing:wait()
    assert.same({}, owner:managed())
    helper.close(c, d)
    tcp.close(listener)
  end)

  it("does not know ports any more that were closed before", function()
    local owner = custodian.new()
    owner:with(function()
      local a, b, c, d = helper.pair()
      assert.equal(4, #owner:managed())
      helper.close(a, b, c, d)
    end)
    assert.same({}, owner:managed())
    owner:shutdown_all()
  end)
end)
