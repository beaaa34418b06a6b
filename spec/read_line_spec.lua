-- input:read_line and its five modes.

local helper = require "helper"
local quayside = require "quayside"

local random = math.random

-- What ends a line at byte i: how many bytes, or nil.
local ends = {
  linefeed = function(bytes, i)
    return bytes:sub(i, i) == "\n" and 1 or nil
  end,
  ["return"] = function(bytes, i)
    return bytes:sub(i, i) == "\r" and 1 or nil
  end,
  ["return-linefeed"] = function(bytes, i)
    return bytes:sub(i, i + 1) == "\r\n" and 2 or nil
  end,
  ["any-one"] = function(bytes, i)
    return bytes:find("^[\r\n]", i) and 1 or nil
  end,
}

function ends.any(bytes, i)
  return ends["return-linefeed"](bytes, i) or ends["any-one"](bytes, i)
end

-- All lines of `bytes`, found the slow way.
local function lines_of(bytes, mode)
  local lines, start, i = {}, 1, 1
  while i <= #bytes do
    local length = ends[mode](bytes, i)
    if length then
      lines[#lines + 1] = bytes:sub(start, i - 1)
      i = i + length
      start = i
    else
      i = i + 1
    end
  end
  if start <= #bytes then lines[#lines + 1] = bytes:sub(start) end
  return lines
end

local function lines_read(bytes, mode, by_event)
  local a, b, c, d = helper.pair()
  b:buffer_mode("none")
  local writing = quayside.spawn(function()
    local i = 1
    while i <= #bytes do
      local size = random(1, 4)
      b:write(bytes:sub(i, i + size - 1))
      i = i + size
      if random(2) == 1 then quayside.sleep(0) end
    end
    b:close()
  end)
  local lines = {}
  repeat
    local line
    if by_event then
      line = quayside.sync(c:read_line_evt(mode))
    else
      line = c:read_line(mode)
    end
    lines[#lines + 1] = line
  until not line
  helper.join(writing)
  helper.close(a, c, d)
  return lines
end

describe("input:read_line", function()
  helper.check_leaks(60)

  for mode in pairs(ends) do
    it("finds the lines in mode " .. mode .. ", however they arrive",
       function()
      helper.with_seed(function()
        local pieces = {"a", "\n", "\r", "\r\n", "bc", "\0", "\r\r\n", ""}
        for round = 1, helper.rounds(40) do
          local parts = {}
          for i = 1, random(0, 25) do parts[i] = pieces[random(#pieces)] end
          local bytes = table.concat(parts)
          assert.same(lines_of(bytes, mode),
                      lines_read(bytes, mode, round % 2 == 0))
        end
      end)
    end)
  end

  it("ends lines at a line feed unless told otherwise", function()
    local a, b, c, d = helper.pair()
    b:write("one\r\ntwo")
    b:close()
    assert.equal("one\r", c:read_line())
    assert.equal("two", c:read_line())
    assert.is_nil(c:read_line())
    helper.close(a, c, d)
  end)

  it("waits in mode any for what follows a return only as long as it must",
     function()
    local a, b, c, d = helper.pair()
    b:buffer_mode("none")
    b:write("one\r")
    local reading = quayside.spawn(function()
      return c:read_line("any"), c:read_line("any")
    end)
    helper.let_run()
    b:write("\ntwo\n")
    local first, second = helper.join(reading)
    assert.equal("one", first)
    assert.equal("two", second)
    helper.close(a, b, c, d)
  end)

  it("refuses a wrong mode", function()
    local a, b, c, d = helper.pair()
    for _, wrong in ipairs {"lf", "", 1, {}, true} do
      helper.argument_error(c.read_line, c, wrong)
      helper.argument_error(c.read_line_evt, c, wrong)
    end
    helper.close(a, b, c, d)
  end)
end)
