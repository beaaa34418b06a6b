-- Connections that the peer resets.

local helper = require "helper"
local quayside = require "quayside"

local tcp = quayside.tcp
local network_error = helper.network_error

-- A connection whose far end, a process of its own, has said `greeting` and
-- then reset it: it ends with bytes unread.
local function reset_pair(greeting)
  local listener, port = helper.listener()
  local name = helper.file(([[
    local quayside = require "quayside"
    local input, output = quayside.tcp.connect("127.0.0.1", %d)
    output:write(%q)
    output:flush()
    quayside.sync(input)
    os.exit(0)]]):format(port, greeting))
  local process = io.popen(helper.command(name))
  local input, output = tcp.accept(listener)
  output:write("unread")
  output:flush()
  process:close()
  os.remove(name)
  tcp.close(listener)
  return input, output
end

describe("A reset", function()
  helper.check_leaks()

  it("is told by every read and write that follows, whichever saw "
     .. "it first", function()
    for _, first in ipairs {"read", "write"} do
      local input, output = reset_pair ""
      for _ = 1, 3 do
        local function read() return input:read() end
        local function write() return output:write_some "x" end
        if first == "write" then read, write = write, read end
        assert.equal("ECONNRESET", network_error(read).code)
        assert.equal("ECONNRESET", network_error(write).code)
      end
      assert.is_false(input:is_closed() or output:is_closed())
      helper.close(input, output)
    end
  end)

  it("leaves what had arrived before to be read", function()
    for _, does_write in ipairs {false, true} do
      local input, output = reset_pair "arrived\nbefore"
      if does_write then network_error(output.write_some, output, "x") end
      assert.equal("arrived", input:read())
      assert.equal("ECONNRESET", network_error(input.read, input).code)
      assert.equal("bef", input:read(3))
      assert.equal("ECONNRESET", network_error(input.read, input, 4).code)
      assert.equal("ore", input:read(3))
      assert.equal("ECONNRESET", network_error(input.read, input, 1).code)
      helper.close(input, output)
    end
  end)

  it("makes both ports ready", function()
    local input, output = reset_pair ""
    assert.equal(input, quayside.sync(input))
    assert.equal(output, quayside.sync(output))
    helper.close(input, output)
  end)
end)
