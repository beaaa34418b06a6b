-- Runs every ```lua block of the documentation as a script of its own, and
-- compares what it prints with the ```text block behind it, if the two are
-- joined by a line that says "prints".
-- usage, from the root of the project: lua5.4 docs/check.lua [page...]
--
-- Servers run until they are stopped, so a block that is one of the examples is
-- only compared with its file.

local pages = {
  "README.md", "docs/tcp.md", "docs/port.md", "docs/evt.md", "docs/thread.md",
  "docs/custodian.md", "docs/channel.md", "docs/semaphore.md", "docs/udp.md",
  "docs/error.md", "docs/coroutine.md", "docs/racket.md", "docs/porting.md",
  "docs/architecture.md",
}
if #arg > 0 then pages = {table.unpack(arg)} end

local passed, failed = 0, 0

local function report(is_right, page, line, detail)
  if is_right then
    passed = passed + 1
  else
    failed = failed + 1
  end
  print(("%s %s:%d"):format(is_right and "ok" or "not ok", page, line))
  if not is_right then print((detail:gsub("[^\n]+", "#   %0"))) end
end

local function contents(name)
  local file = assert(io.open(name))
  local text = file:read "a"
  file:close()
  return text
end

-- The standard output of a script, and its errors behind it.
local function output_of(code)
  local name = os.tmpname()
  local file = assert(io.open(name, "w"))
  file:write(code)
  file:close()
  local pipe = io.popen(("timeout 20 lua5.4 %s 2>&1"):format(name))
  local text = pipe:read "a"
  local ok = pipe:close()
  os.remove(name)
  return text, ok
end

-- `usage: lua5.4 NAME.lua` marks an example.
local function example_of(code)
  local name = code:match "usage: lua5%.4 ([%w_]+%.lua)"
  return name and "examples/" .. name
end

local function check(page, line, code, expected)
  local example = example_of(code)
  if example then
    local is_same = contents(example) == code
    return report(is_same, page, line, "differs from " .. example)
  end
  local text, ok = output_of(code)
  local is_right = ok and (not expected or text == expected)
  report(is_right, page, line,
         ("expected:\n%s\nactual:\n%s"):format(expected or "no error", text))
end

-- A block is what stands between two fences.
local function block_at(text, position)
  local _, from, language = text:find("```(%l*)\n", position)
  if not from then return nil end
  local to, last = text:find("\n```", from, true)
  return language, text:sub(from + 1, to), last + 1
end

local function line_at(text, position)
  local _, count = text:sub(1, position):gsub("\n", "")
  return count + 1
end

-- The ```text block behind, if only a line that says "prints" is between.
local function expectation_at(text, position)
  local after = text:match("^%s*[^\n]*prints:?%s*()```text\n", position)
  if not after then return nil end
  local _, expected = block_at(text, after)
  return expected
end

for _, page in ipairs(pages) do
  local text = contents(page)
  local position = 1
  while true do
    local language, code, last = block_at(text, position)
    if not language then break end
    if language == "lua" then
      check(page, line_at(text, text:find("```lua", position, true)), code,
            expectation_at(text, last))
    end
    position = last
  end
end

print(("%d passed, %d failed"):format(passed, failed))
os.exit(failed == 0)
