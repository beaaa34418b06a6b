--- The house stands: arrows between the files run downwards only, the core
-- knows no Lua, and nothing grows too long to be read.
--
-- Each check reads the sources and answers a list of what is wrong.

local lfs = require "lfs"
local helper = require "helper"

local LONGEST_FILE, LONGEST_FUNCTION = 400, 50

-- Reading ---------------------------------------------------------------------

local function read(path)
  local file = assert(io.open(path))
  local text = file:read "a"
  file:close()
  return text
end

-- The files of a folder whose names match, sorted, with their paths.
local function files(folder, pattern)
  local found = {}
  for name in lfs.dir(folder) do
    if name:find(pattern) then found[#found + 1] = folder .. "/" .. name end
  end
  table.sort(found)
  return found
end

local function basename(path)
  return path:match "([^/]+)%.%w+$"
end

-- As many line ends as there are in `text`: positions stay what they were.
local function only_line_ends(text)
  return (text:gsub("[^\n]", ""))
end

-- Where the first of the patterns that matches at `at` ends; nil if none does.
local function end_of_match(text, at, patterns)
  for _, pattern in ipairs(patterns) do
    local _, last = text:find("^" .. pattern, at)
    if last then return last end
  end
end

-- `text` without what the patterns match; each begins with one of `signs`.
local function without(text, signs, patterns)
  local kept, at = {}, 1
  while true do
    local sign = text:find(signs, at)
    if not sign then break end
    local last = end_of_match(text, sign, patterns)
    kept[#kept + 1] = text:sub(at, last and sign - 1 or sign)
    kept[#kept + 1] = last and only_line_ends(text:sub(sign, last))
    at = (last or sign) + 1
  end
  kept[#kept + 1] = text:sub(at)
  return table.concat(kept)
end

local lua_noise = {
  "%-%-%[%[.-%]%]", "%-%-%[=%[.-%]=%]", "%-%-[^\n]*", "%[%[.-%]%]",
  "%[=%[.-%]=%]", '"[^"\\\n]*"', '"[^\n]-[^\\]"', "'[^'\\\n]*'",
}
local c_noise = {"/%*.-%*/", "//[^\n]*"}

-- Lua source without comments and strings; C source without comments.
local function lua_code(path)
  return without(read(path), "[-%[\"']", lua_noise)
end
local function c_code(path)
  return without(read(path), "/", c_noise)
end

local function numbered_lines(text)
  local number = 0
  local next_line = (text .. "\n"):gmatch "([^\n]*)\n"
  return function()
    number = number + 1
    local line = next_line()
    if line then return number, line end
  end
end

-- C ---------------------------------------------------------------------------

-- A part of the core, named after its header, and its floor.  Includes lead to
-- lower floors; those on one floor do not know each other.
local floors = {
  attributes = 0,
  address = 1, ring = 1,
  error = 2,
  loop = 3,
  waiter = 4, buffer = 4, socket = 4,
  custodian = 5, resolve = 5, stream = 5,
  listener = 6, connect = 6, input = 6, output = 6, datagram = 6,
}

-- Files that are further pieces of a part.
local part_of = {line = "input", datagram_options = "datagram"}

local function part(path)
  local name = basename(path)
  return part_of[name] or name
end

-- Calls `each(path, line number, included, is_quoted)`.
local function each_include(paths, each)
  for _, path in ipairs(paths) do
    for number, line in numbered_lines(c_code(path)) do
      local sort, included = line:match '^%s*#%s*include%s*(["<])([^">]+)'
      if included then each(path, number, included, sort == '"') end
    end
  end
end

local function is_lua_header(name)
  return name:find "lua" or name:find "lauxlib"
end

local function core_include_faults()
  local faults = {}
  each_include(files("src/core", "%.[ch]$"),
               function(path, number, included, is_quoted)
    local from, to = part(path), included:match "^(%w+)%.h$"
    local is_own = to == from
    local goes_down = floors[from] and floors[to] and floors[to] < floors[from]
    if is_lua_header(included) or is_quoted and not (is_own or goes_down) then
      faults[#faults + 1] = ("%s:%d: includes %s")
                            :format(path, number, included)
    end
  end)
  return faults
end

local function unknown_parts()
  local faults = {}
  for _, path in ipairs(files("src/core", "%.[ch]$")) do
    if not floors[part(path)] then
      faults[#faults + 1] = path .. ": has no floor in this spec"
    end
  end
  return faults
end

-- What binding.h is too long for.
local binding_headers = {
  ["binding.h"] = true, ["operation.h"] = true, ["event.h"] = true,
  ["host.h"] = true,
  ["ports.h"] = true, ["udp.h"] = true,
}

local function binding_include_faults()
  local faults = {}
  each_include(files("src/binding", "%.[ch]$"),
               function(path, number, included, is_quoted)
    local is_allowed = binding_headers[included]
                       or floors[basename(included)]
    if is_quoted and not is_allowed then
      faults[#faults + 1] = ("%s:%d: includes %s")
                            :format(path, number, included)
    end
  end)
  return faults
end

local prints = {}
for word in ([[printf fprintf vprintf vfprintf dprintf puts fputs putchar putc
               fputc fwrite perror stdout stderr]]):gmatch "%w+" do
  prints[word] = true
end

local function is_printing(line)
  for word in line:gmatch "[%w_]+" do
    if prints[word] then return true end
  end
  return false
end

-- A variable that outlives its call, in a function or outside.
local function is_static_variable(line)
  if not line:find "^%s*static%s" then return false end
  local is_pointer_to_function = line:find "%(%s*%*%s*[%w_]+%s*%)"
  local is_function = line:find "%(" and not line:find "=.*%("
                      and not is_pointer_to_function
  return not is_function and not line:find "%f[%w_]const%f[^%w_]"
end

local not_variables = {"^static%s", "^typedef%s", "^extern%s", "^enum.*{",
                       "^struct [%w_]+;$", "^union [%w_]+;$"}

local function is_global_variable(line)
  for _, pattern in ipairs(not_variables) do
    if line:find(pattern) then return false end
  end
  return line:find "^%a[^(]*;$" or line:find "^%a[^(=]*=[^=]"
end

local function core_state_faults()
  local faults = {}
  for _, path in ipairs(files("src/core", "%.[ch]$")) do
    for number, line in numbered_lines(c_code(path)) do
      if is_printing(line) or is_static_variable(line)
         or is_global_variable(line) then
        faults[#faults + 1] = ("%s:%d: %s"):format(path, number, line)
      end
    end
  end
  return faults
end

-- A definition begins at the left margin with its parameters and ends with a
-- brace there.
local function long_c_functions(path)
  local faults, first, head = {}, nil, nil
  for number, line in numbered_lines(c_code(path)) do
    if line:find "^[%a_].*%(" and not line:find ";$" then
      first, head = number, line
    elseif line:find "^}" and first then
      if number - first + 1 > LONGEST_FUNCTION then
        faults[#faults + 1] = ("%s:%d: %d lines: %s")
                              :format(path, first, number - first + 1, head)
      end
      first = nil
    end
  end
  return faults
end

-- Lua -------------------------------------------------------------------------

-- As above: a module requires only what is on a lower floor.  "core" is the
-- C module.
local lua_floors = {
  core = 0,
  queue = 1,
  event = 2,
  cases = 3,
  sync = 4,
  evt = 5,
  channel = 6, semaphore = 6, custodian = 6, thread = 6, error = 6,
  coroutine = 6, port = 6, udp = 6,
  serve = 7,
  tcp = 8,
  init = 9,
}

-- These have nothing to do with sockets.
local without_sockets = {"queue", "event", "cases", "sync", "evt",
                         "channel", "semaphore"}

local function lua_modules()
  return files("lua/quayside", "%.lua$")
end

local function require_faults()
  local faults = {}
  for _, path in ipairs(lua_modules()) do
    local from = basename(path)
    local text = without(read(path), "-", {"%-%-[^\n]*"})
    for number, line in numbered_lines(text) do
      for name in line:gmatch 'require%s*%(?%s*["\']([^"\']+)' do
        local to = lua_floors[name:match "^quayside%.(%w+)$"]
        local is_lower = to and lua_floors[from] and to < lua_floors[from]
        if not is_lower then
          faults[#faults + 1] = ("%s:%d: requires %s")
                                :format(path, number, name)
        end
      end
    end
  end
  return faults
end

local function socket_faults()
  local faults = {}
  for _, name in ipairs(without_sockets) do
    local path = "lua/quayside/" .. name .. ".lua"
    for number, line in numbered_lines(lua_code(path)) do
      for _, word in ipairs {"tcp", "udp", "socket", "listener", "connect",
                             "accept"} do
        if line:find("%f[%w]" .. word .. "%f[^%w]") then
          faults[#faults + 1] = ("%s:%d: %s"):format(path, number, word)
        end
      end
    end
  end
  return faults
end

local opens = {["function"] = true, ["if"] = true, ["do"] = true,
               ["repeat"] = true}
local closes = {["end"] = true, ["until"] = true}

local function long_lua_functions(path)
  local faults, open = {}, {}
  for number, line in numbered_lines(lua_code(path)) do
    for word in line:gmatch "[%a_][%w_]*" do
      if opens[word] then
        open[#open + 1] = {word = word, line = number}
      elseif closes[word] then
        local block = table.remove(open)
        local length = number - block.line + 1
        if block.word == "function" and length > LONGEST_FUNCTION then
          faults[#faults + 1] = ("%s:%d: %d lines")
                                :format(path, block.line, length)
        end
      end
    end
  end
  assert(#open == 0, path .. ": blocks left open")
  return faults
end

-- All -------------------------------------------------------------------------

local function all_sources()
  local sources = {}
  for _, paths in ipairs {files("src/core", "%.[ch]$"),
                          files("src/binding", "%.[ch]$"), lua_modules()} do
    table.move(paths, 1, #paths, #sources + 1, sources)
  end
  return sources
end

local function long_functions()
  local faults = {}
  for _, path in ipairs(all_sources()) do
    local check = path:find "%.lua$" and long_lua_functions or long_c_functions
    local found = check(path)
    table.move(found, 1, #found, #faults + 1, faults)
  end
  return faults
end

local function long_files()
  local faults = {}
  for _, path in ipairs(all_sources()) do
    local _, count = read(path):gsub("\n", "")
    if count > LONGEST_FILE then
      faults[#faults + 1] = ("%s: %d lines"):format(path, count)
    end
  end
  return faults
end

describe("the layers", function()
  helper.check_leaks()

  it("are made of files that all have their place", function()
    assert.same({}, unknown_parts())
    assert.is_true(#all_sources() > 30)
  end)

  it("of the core include downwards only, and never Lua", function()
    assert.same({}, core_include_faults())
  end)

  it("of the core print nothing and keep nothing in variables of their own",
     function()
    assert.same({}, core_state_faults())
  end)

  it("of the binding include its header and the core's", function()
    assert.same({}, binding_include_faults())
  end)

  it("of Lua require downwards only", function()
    assert.same({}, require_faults())
  end)

  it("of events know no sockets", function()
    assert.same({}, socket_faults())
  end)

  it("have functions that fit on a screen", function()
    assert.same({}, long_functions())
  end)

  it("have files that fit in a head", function()
    assert.same({}, long_files())
  end)
end)
