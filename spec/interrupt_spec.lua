local helper = require "helper"

-- Ctrl-C is sent to scripts in processes of their own.

local PRELUDE = [[
local quayside = require "quayside"
local stat = io.open "/proc/self/stat"
local pid = stat:read "n"
stat:close()
local function interrupt() io.popen("kill -INT " .. pid):close() end
local function interrupt_after(seconds, times)
  return io.popen(("for i in $(seq %d); do sleep %s; kill -INT %d; done")
                  :format(times or 1, seconds, pid))
end
local function closing(name)
  return setmetatable({}, {__close = function() print("closed " .. name) end})
end
local function show(ok, err)
  print(ok, type(err) == "table" and err.kind or err)
end
]]

local function child(source, options)
  return helper.run_script(PRELUDE .. source, options)
end

describe("Ctrl-C", function()
  helper.check_leaks()

  it("breaks the main thread while it waits", function()
    assert.equal("closed x\nfalse\tbreak\n", child [[
      local later = interrupt_after(0.05)
      show(pcall(function()
        local _ <close> = closing "x"
        quayside.channel.new():get()
      end))
    ]])
    assert.equal("false\tbreak\nfalse\tbreak\nfalse\tbreak\nfalse\tbreak\n",
                 child [[
      local l = quayside.tcp.listen(0, 4, false, "127.0.0.1")
      local t = quayside.spawn(quayside.sleep, 1e6)
      for _, f in ipairs {function() l:accept() end,
                          function() quayside.sleep(100) end,
                          function() t:wait() end,
                          function() quayside.run() end} do
        local later = interrupt_after(0.02)
        show(pcall(f))
        later:close()
      end
    ]])
  end)

  it("breaks the main chunk while it computes", function()
    assert.equal("closed x\nfalse\tbreak\n", child [[
      local later = interrupt_after(0.05)
      show(pcall(function()
        local _ <close> = closing "x"
        local n = 0
        while true do n = n + 1 end
      end))
    ]])
  end)

  it("breaks the main thread while another one computes", function()
    assert.equal("false\tbreak\ndone\n", child [[
      local is_broken = false
      quayside.spawn(function()
        pcall(function() while not is_broken do end end)
        print "done"
      end)
      local later = interrupt_after(0.05)
      show(pcall(quayside.sleep, 1e6))
      is_broken = true
      quayside.run()
    ]])
  end)

  it("ends a script that does not catch it, with its <close> variables run",
     function()
    local output, status = child [[
      local _ <close> = closing "script"
      local later = interrupt_after(0.05)
      quayside.sleep(1e6)
    ]]
    assert.is_truthy(output:find("closed script", 1, true), output)
    assert.is_truthy(output:find("user break", 1, true), output)
    assert.equal(1, status)
  end)

  it("is kept while breaks are disabled", function()
    assert.equal("undisturbed\nfalse\tbreak\ntrue\tnil\n", child [[
      show(pcall(quayside.thread.with_break, false, function()
        interrupt()
        quayside.sleep(0.01)
        local n = 0
        for i = 1, 1e6 do n = n + i end
        print "undisturbed"
      end))
      show(pcall(quayside.sleep, 0.01))
    ]])
  end)

  it("is not lost when another one is pending", function()
    assert.equal("false\tbreak\nfalse\tbreak\nfalse\tbreak\ntrue\tnil\n",
                 child [[
      show(pcall(quayside.thread.with_break, false, function()
        interrupt()
        interrupt()
        interrupt()
      end))
      show(pcall(quayside.sleep, 0))
      show(pcall(quayside.sleep, 0))
      show(pcall(quayside.sleep, 0))
    ]])
  end)

  it("is heard inside coroutines of any make", function()
    for _, make in ipairs {"coroutine.wrap", "quayside.coroutine.wrap"} do
      local output = child(([[
        local later = interrupt_after(0.05)
        show(pcall(function()
          local f = %s(function()
            local g = quayside.coroutine.wrap(function()
              for i = 1, 5e7 do end
            end)
            g()
          end)
          f()
          quayside.sleep(0)
        end))
      ]]):format(make))
      assert.equal("false\tbreak\n", output)
    end
  end)

  it("does not take away what a sync has just chosen", function()
    assert.equal("true\tchosen\nfalse\tbreak\n", child [[
      -- An event during whose choice it comes.
      local event = quayside.evt.base({
        try = function() interrupt() return true, "chosen" end,
        block = function() end,
      }, {})
      show(pcall(quayside.thread.with_break, false, function()
        show(pcall(quayside.sync_enable_break, event))
      end))
    ]])
  end)

  it("gives ports or a break, never both, never neither, in a storm",
     function()
    local output = child [[
      local tcp, thread = quayside.tcp, quayside.thread
      local l = tcp.listen(0, 16, false, "127.0.0.1")
      local _, port = tcp.addresses(l, true)
      -- Much to withdraw once it has been chosen: time for a break to come.
      local idle = {}
      for i = 1, 200 do idle[i] = quayside.channel.new() end
      local event = quayside.evt.choice(l:accept_evt(), table.unpack(idle))
      local storm = interrupt_after(0.002, 300)
      local ports, breaks, served = 0, 0, {}
      local function accept(i)
        if i % 2 == 0 then return tcp.accept_enable_break(l) end
        return quayside.sync_enable_break(event)
      end
      local client = quayside.spawn(function()
        for i = 1, 1500 do
          local input, output = tcp.connect("127.0.0.1", port)
          output:write(i, "\n")
          output:close()
          assert(input:read() == nil)
          input:close()
        end
      end)
      pcall(thread.with_break, false, function()
        local i = 0
        while ports < 1500 and i < 10000 do
          i = i + 1
          local ok, input, output = pcall(accept, i)
          if ok then
            ports = ports + 1
            served[input:read "n"] = true
            input:close()
            output:close()
          else
            assert(input.kind == "break", input)
            breaks = breaks + 1
          end
        end
        client:wait()
        storm:read "a"
      end)
      for i = 1, 1500 do assert(served[i], i) end
      print(ports, breaks > 0)
    ]]
    assert.equal("1500\ttrue\n", output:match "^[^\n]*\n", output)
  end)
end)

-- A program that has Lua inside and its own idea of SIGINT.
local HOST = [[
#include <lauxlib.h>
#include <lualib.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
static void mine(int number) { (void)number; }
int main(int count, char **arguments) {
  struct sigaction now;
  int ignores = strcmp(arguments[count - 2], "ignore") == 0;
  signal(SIGINT, ignores ? SIG_IGN : mine);
  for (int i = 0; i < 2; i++) {
    lua_State *L = luaL_newstate();
    luaL_openlibs(L);
    if (luaL_dofile(L, arguments[count - 1]) != LUA_OK)
      puts(lua_tostring(L, -1));
    sigaction(SIGINT, NULL, &now);
    printf("inside: %s\n", now.sa_handler == SIG_IGN  ? "ignored"
                           : now.sa_handler == mine ? "mine" : "another");
    lua_close(L);
    sigaction(SIGINT, NULL, &now);
    printf("after: %s\n", now.sa_handler == SIG_IGN  ? "ignored"
                          : now.sa_handler == mine ? "mine" : "another");
  }
  return 0;
}
]]

describe("SIGINT in a program that has Lua inside", function()
  helper.check_leaks()
  local host

  setup(function()
    local source = helper.file(HOST)
    host = os.tmpname()
    local command = ("cc -x c %s -o %s $(pkg-config --cflags --libs lua5.4) "
                     .. "-Wl,-E 2>/dev/null"):format(source, host)
    if not os.execute(command) then host = nil end
    os.remove(source)
  end)

  teardown(function() if host then os.remove(host) end end)

  local function run(mode)
    if not host then
      pending "no C compiler, or no Lua library to link with"
    end
    local script = helper.file [[
      local quayside = require "quayside"
      quayside.sleep(0)
    ]]
    local name = host .. "' '" .. mode .. "' '" .. script
    local process = io.popen((helper.command(script)
                              :gsub("lua5.4 '[^']*'$", "'" .. name .. "'")))
    local output = process:read "a"
    process:close()
    os.remove(script)
    return output
  end

  it("is the program's again when the state has been closed", function()
    assert.equal(("inside: another\nafter: mine\n"):rep(2), run "handle")
  end)

  it("stays ignored when the program ignores it", function()
    assert.equal(("inside: ignored\nafter: ignored\n"):rep(2), run "ignore")
  end)
end)
