local helper = require "helper"
local quayside = require "quayside"
local core = require "quayside.core"

-- What modules keep for each other.
local internal = {
  ["quayside.evt"] = {base = true, new_latch = true, open_latch = true},
}

-- The page of each class whose names it must have.
local pages = {
  ["quayside.tcp"] = "tcp", ["quayside.listener"] = "tcp",
  ["quayside.server"] = "tcp",
  ["quayside.port"] = "port", ["quayside.input"] = "port",
  ["quayside.output"] = "port",
  ["quayside.evt"] = "evt",
  ["quayside.thread"] = "thread", ["quayside.thread.module"] = "thread",
  ["quayside.custodian"] = "custodian",
  ["quayside.custodian.module"] = "custodian",
  ["quayside.custodian_box"] = "custodian",
  ["quayside.channel"] = "channel", ["quayside.channel.module"] = "channel",
  ["quayside.semaphore"] = "semaphore",
  ["quayside.semaphore.module"] = "semaphore",
  ["quayside.udp"] = "udp", ["quayside.udp.module"] = "udp",
  ["quayside.error.module"] = "error",
  ["quayside.coroutine"] = "coroutine",
}

local function contents(name)
  local file <close> = assert(io.open(name))
  return file:read "a"
end

local function class_of(object)
  return getmetatable(object).__index
end

local function class_of_server()
  local server = quayside.tcp.serve(0, function() end,
                                    {hostname = "127.0.0.1"})
  server:stop()
  return class_of(server)
end

-- The tables that the classes of the definitions stand for.
local function library()
  local found = {
    ["quayside"] = quayside,
    ["quayside.tcp"] = quayside.tcp,
    ["quayside.evt"] = quayside.evt,
    ["quayside.port"] = quayside.port,
    ["quayside.coroutine"] = quayside.coroutine,
    ["quayside.channel"] = class_of(quayside.channel.new()),
    ["quayside.semaphore"] = class_of(quayside.semaphore.new()),
    ["quayside.custodian_box"] = class_of(quayside.custodian.new():box(1)),
    ["quayside.server"] = class_of_server(),
  }
  for _, name in ipairs {"thread", "custodian", "channel", "semaphore",
                         "error", "udp"} do
    found["quayside." .. name .. ".module"] = quayside[name]
  end
  for _, name in ipairs {"listener", "input", "output", "thread", "custodian",
                         "udp"} do
    found["quayside." .. name] = core.methods_of("quayside." .. name)
  end
  return found
end

-- The names in a table that are meant for users.
local function names_of(class, of)
  local names = {}
  for name in pairs(of) do
    local is_hidden = name:find "^__" or internal[class]
                      and internal[class][name]
    if not is_hidden then table.insert(names, name) end
  end
  table.sort(names)
  return names
end

-- The names that the definitions give each class: those of its functions, and
-- the fields of a class that is a module.
local function declarations()
  local declared, class_by_local, class = {}, {}, nil
  for line in contents "types/quayside.lua":gmatch "[^\n]*" do
    class = line:match "^%-%-%-@class ([%w_.]+)" or class
    local field = line:match "^%-%-%-@field ([%w_]+)"
    local variable = line:match "^local ([%w_]+) = {}"
    local owner, name = line:match "^function ([%w_]+)[.:]([%w_]+)%("
    if field then
      declared[class] = declared[class] or {}
      declared[class][field] = true
    elseif variable then
      class_by_local[variable] = class
      declared[class] = declared[class] or {}
    elseif owner then
      declared[class_by_local[owner]][name] = true
    end
  end
  return declared
end

describe("the definitions for editors", function()
  helper.check_leaks()

  it("are a Lua file that does nothing", function()
    assert.is_table(dofile "types/quayside.lua")
  end)

  it("declare every name of the library, and no other", function()
    local declared = declarations()
    for class, of in pairs(library()) do
      assert.same(names_of(class, of), names_of(class, declared[class] or {}),
                  class)
    end
  end)
end)

describe("the pages of the documentation", function()
  helper.check_leaks()

  it("tell of every name of the library", function()
    local tables = library()
    for class, page in pairs(pages) do
      local text = contents("docs/" .. page .. ".md")
      for _, name in ipairs(names_of(class, tables[class])) do
        assert.is_truthy(text:find("%f[%w_]" .. name .. "%f[^%w_]"),
                         ("docs/%s.md: %s"):format(page, name))
      end
    end
  end)
end)
