-- Reading from ports.

local helper = require "helper"
local quayside = require "quayside"

local spawn, random = quayside.spawn, math.random
local argument_error, network_error = helper.argument_error,
                                      helper.network_error

-- The input of a connection on which `bytes` arrive in pieces of random size,
-- and then the end of file.
local function input_of(bytes, largest)
  local a, b, c, d = helper.pair()
  b:buffer_mode("none")
  spawn(function()
    local i, err = 1, nil
    while i <= #bytes and not err do
      local size = random(1, largest)
      local _
      _, err = quayside.try(b.write, b, bytes:sub(i, i + size - 1))
      i = i + size
      if random(3) == 1 then quayside.sleep(0) end
    end
    quayside.try(helper.close, a, b) -- the reader may have left before
  end)
  d:close()
  return c
end

local function bytes_of(pieces, count)
  local parts = {}
  for i = 1, count do parts[i] = pieces[random(#pieces)] end
  return table.concat(parts)
end

-- Reads the way `formats` say until nothing comes, from `read`.
local function results_of(read, formats)
  local all = {}
  for i = 1, 400 do
    local format = formats[(i - 1) % #formats + 1]
    local results = table.pack(read(table.unpack(format)))
    for j = 1, results.n do
      all[#all + 1] = results[j] == nil and "nil"
                      or ("%s %q"):format(math.type(results[j]) or "string",
                                          results[j])
    end
  end
  return all
end

-- A port and a real file with the same bytes must give the same results.
local function compare(bytes, formats, largest)
  local name = helper.file(bytes)
  local file = io.open(name, "rb")
  local expected = results_of(function(...) return file:read(...) end, formats)
  file:close()
  os.remove(name)
  local input = input_of(bytes, largest)
  local got = results_of(function(...) return input:read(...) end, formats)
  input:close()
  for i = 1, math.max(#expected, #got) do
    if expected[i] ~= got[i] then
      error(("result %d: %s, but a file gives %s; bytes %q"):format(
        i, got[i], expected[i], bytes))
    end
  end
end

local format_lists = {
  {{"l"}}, {{"L"}}, {{"a"}}, {{"n"}}, {{}}, {{1}}, {{7}}, {{0}}, {{0, 1}},
  {{"*l"}}, {{"n", "l"}}, {{"l", "L", 3}}, {{"n", "n"}, {1}}, {{2}, {"L"}},
  {{4096}}, {{0}, {"l"}}, {{"n"}, {"l"}}, {{3.0, "n", "L"}}, {{"a", "a"}},
  {{"a", "l", "n", 5}}, {{100000}},
}

local line_pieces = {"", "a", "\n", "\n\n", "some words", "\r\n", "\0", "\r",
                     ("long"):rep(300), "\xff\xfe"}

local number_pieces = {
  "1", " 12 ", "-7\n", "+3.5", "1e5", "0x1F", "0x.8p3", " .5", "5.", "abc",
  "1e", "0x", "-", "--3", "1..2", "nan", "inf", "9223372036854775808",
  "0x7fffffffffffffff", "1e+", "1e-3", "\t\v\f\r8", "e5", "12a", "0x1p-4",
  "00012", ".", "1 000", "\0", ("1"):rep(150), ("2"):rep(250),
}

describe("input:read", function()
  helper.check_leaks(60)

  it("gives what a file with the same bytes gives, however they arrive",
     function()
    helper.with_seed(function()
      for _ = 1, helper.rounds(120) do
        local bytes = bytes_of(line_pieces, random(0, 60))
        compare(bytes, format_lists[random(#format_lists)], random(1, 200))
      end
    end)
  end)

  it("reads numbers as a file does, however they arrive", function()
    helper.with_seed(function()
      for i = 1, helper.rounds(400) do
        local separator = i % 2 == 0 and " " or ""
        local parts = {}
        for j = 1, random(1, 6) do
          parts[j] = number_pieces[random(#number_pieces)]
        end
        local formats = {{"n", "n"}, {"l"}}
        if i % 3 == 0 then formats = {{"n"}, {1}} end
        compare(table.concat(parts, separator), formats, random(1, 20))
      end
    end)
  end)

  it("reads each numeral alone as a file does, byte by byte", function()
    for _, numeral in ipairs(number_pieces) do
      compare(numeral, {{"n"}, {"a"}}, 1)
      compare(numeral .. " x", {{"n"}, {"a"}}, 1)
    end
  end)

  it("refuses wrong formats like a file, before anything is read", function()
    local a, b, c, d = helper.pair()
    b:write("kept\n")
    b:flush()
    for _, wrong in ipairs {"x", "*z", "", {}, true, -1, 1.5} do
      argument_error(c.read, c, wrong)
      argument_error(c.read, c, "l", wrong)
    end
    assert.equal("kept", c:read())
    helper.close(a, b, c, d)
  end)

  it("waits for all the bytes asked for, and is short only at the end",
     function()
    local a, b, c, d = helper.pair()
    local reading = spawn(c.read, c, 10)
    b:write("12345")
    b:flush()
    helper.let_run()
    assert.is_false(reading:is_dead())
    b:write("67890abc")
    b:close()
    assert.equal("1234567890", helper.join(reading))
    assert.equal("abc", c:read(10))
    assert.is_nil(c:read(10))
    helper.close(a, c, d)
  end)

  it("says nil at the end of file, again and again", function()
    local input = input_of("end", 3)
    assert.equal("end", input:read("a"))
    for _ = 1, 3 do
      assert.is_nil(input:read())
      assert.is_nil(input:read(1))
      assert.is_nil(input:read(0))
      assert.is_nil(input:read_some())
      assert.is_nil(input:peek(1))
      assert.equal("", input:read("a"))
    end
    input:close()
  end)

  it("takes no bytes when a break ends it", function()
    local a, b, c, d = helper.pair()
    for _, formats in ipairs {{"l"}, {100}, {"a"}, {"n", "l"}, {1, 1, 50}} do
      b:write("12 half")
      b:flush()
      local reading = spawn(quayside.try, c.read, c, table.unpack(formats))
      helper.let_run()
      reading:send_break()
      local ok, err = reading:wait()
      assert.is_false(ok)
      assert.is_true(quayside.error.is_break(err))
      assert.equal("12 half", c:read_some())
    end
    helper.close(a, b, c, d)
  end)

  it("serves several threads in the order they came", function()
    local a, b, c, d = helper.pair()
    local threads, got = {}, {}
    for i = 1, 4 do
      threads[i] = spawn(function() got[i] = c:read() or "end" end)
    end
    helper.let_run()
    b:write("one\ntwo\nth")
    b:flush()
    helper.let_run()
    assert.same({"one", "two"}, got)
    b:write("ree\n")
    b:close()
    for i = 1, 4 do helper.join(threads[i]) end
    assert.same({"one", "two", "three", "end"}, got)
    helper.close(a, c, d)
  end)

  it("gives every byte to exactly one of several threads", function()
    helper.with_seed(function()
      local parts = {}
      for i = 1, helper.rounds(20000, 500) do parts[i] = ("%05d"):format(i) end
      local input = input_of(table.concat(parts), 3000)
      local threads, seen, count = {}, {}, 0
      for i = 1, 5 do
        threads[i] = spawn(function()
          for part in input:lines(5) do
            assert(not seen[part])
            seen[part] = true
            count = count + 1
          end
        end)
      end
      for i = 1, 5 do helper.join(threads[i]) end
      assert.equal(#parts, count)
      input:close()
    end)
  end)
end)

describe("input:lines", function()
  helper.check_leaks()

  it("gives what the lines of a file with the same bytes give", function()
    helper.with_seed(function()
      local lists = {{}, {"l"}, {"L"}, {4}, {"n", "l"}, {1, "L"}}
      for i = 1, helper.rounds(60) do
        local bytes = bytes_of(line_pieces, random(0, 30))
        local formats = lists[i % #lists + 1]
        local name = helper.file(bytes)
        local input = input_of(bytes, random(1, 50))
        local next_line = input:lines(table.unpack(formats))
        for first, second in io.lines(name, table.unpack(formats)) do
          local a, b = next_line()
          assert.equal(first, a)
          assert.equal(second, b)
        end
        assert.is_nil((next_line()))
        os.remove(name)
        input:close()
      end
    end)
  end)
end)

describe("input:read_some", function()
  helper.check_leaks()

  it("waits for one byte, then takes what is there", function()
    local a, b, c, d = helper.pair()
    local reading = spawn(c.read_some, c)
    helper.let_run()
    assert.is_false(reading:is_dead())
    b:write("what is there")
    b:flush()
    assert.equal("what is there", helper.join(reading))
    b:write("0123456789")
    b:flush()
    assert.equal("012", c:read_some(3))
    assert.equal("3456789", c:read_some())
    for _, wrong in ipairs {0, -1, 1.5, "x", {}} do
      argument_error(c.read_some, c, wrong)
    end
    helper.close(a, b, c, d)
  end)
end)

describe("input:peek", function()
  helper.check_leaks()

  it("shows bytes without taking them, behind others if asked", function()
    local a, b, c, d = helper.pair()
    b:write("0123456789")
    b:flush()
    assert.equal("0123", c:peek(4))
    assert.equal("3456", c:peek(4, 3))
    assert.equal("0123456789", c:read(10))
    local peeking = spawn(c.peek, c, 3, 2)
    b:write("abc")
    b:flush()
    helper.let_run()
    assert.is_false(peeking:is_dead())
    b:write("defgh")
    b:flush()
    assert.equal("cde", helper.join(peeking))
    b:close()
    assert.equal("gh", c:peek(10, 6))
    assert.is_nil(c:peek(1, 8))
    assert.equal("abcdefgh", c:read("a"))
    argument_error(c.peek, c)
    argument_error(c.peek, c, -1)
    argument_error(c.peek, c, 1, -1)
    helper.close(a, c, d)
  end)

  it("sees what arrives while another thread waits to read", function()
    local a, b, c, d = helper.pair()
    local reading = spawn(c.read, c, 5)
    local peeking = spawn(c.peek, c, 3)
    helper.let_run()
    b:write("abc")
    b:flush()
    assert.equal("abc", helper.join(peeking))
    b:write("de")
    b:flush()
    assert.equal("abcde", helper.join(reading))
    helper.close(a, b, c, d)
  end)
end)

describe("The limits of an input", function()
  helper.check_leaks()

  it("end a line or a whole that is too long, and keep the bytes", function()
    local a, b, c, d = helper.pair()
    c:set_limit {line = 10, all = 20}
    b:write("0123456789ABCDEFGHIJ")
    b:flush()
    assert.equal("limit", network_error(c.read, c, "l").code)
    assert.equal("limit", network_error(c.read_line, c).code)
    assert.equal("limit",
                 network_error(quayside.sync, c:read_line_evt()).code)
    assert.equal("0123456789ABCDEFGHIJ", c:read(20))
    b:write(("x"):rep(21))
    b:close()
    assert.equal("limit", network_error(c.read, c, "a").code)
    assert.equal("x", c:read(1))
    assert.equal(("x"):rep(20), c:read("a"))
    helper.close(a, c, d)
  end)

  it("let a line and a whole pass that are just as long", function()
    local input = input_of("0123456789\n01234", 4)
    input:set_limit {line = 10, all = 5}
    assert.equal("0123456789", input:read())
    assert.equal("01234", input:read("a"))
    input:close()
  end)

  it("are positive integers", function()
    local a, b, c, d = helper.pair()
    for _, wrong in ipairs {0, -1, 1.5, "x", {}} do
      argument_error(a.set_limit, a, {line = wrong})
      argument_error(a.set_limit, a, {all = wrong})
    end
    argument_error(a.set_limit, a, 5)
    helper.close(a, b, c, d)
  end)
end)
