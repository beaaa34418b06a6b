--- Scripts that run in a process of their own.

local script = {}

local patience = tonumber(os.getenv "QUAYSIDE_PATIENCE" or "") or 1

--- `s` as one word for the shell.
function script.quote(s)
  return "'" .. s:gsub("'", "'\\''") .. "'"
end

--- A file with `bytes` in it; the name.  Remove it.
function script.file(bytes)
  local name = os.tmpname()
  local file = assert(io.open(name, "wb"))
  assert(file:write(bytes))
  file:close()
  return name
end

local function working_directory()
  local handle = io.popen("pwd")
  local here = handle:read("l")
  handle:close()
  return here
end

local function absolute(path)
  return (path:gsub("%f[^;\0]%./", working_directory() .. "/"))
end

local lua_path, lua_cpath

--- The command that runs a script file with the modules of this process.
-- @tparam string name
-- @tparam[opt] {before=string,environment=string} options `before`: a shell
--   command run first, such as "ulimit -n 20"; `environment`: assignments
function script.command(name, options)
  options = options or {}
  lua_path = lua_path or absolute(package.path)
  lua_cpath = lua_cpath or absolute(package.cpath)
  return ("%s exec env LUA_PATH=%s LUA_CPATH=%s %s timeout %d %s %s"):format(
    options.before and options.before .. ";" or "",
    script.quote(lua_path), script.quote(lua_cpath),
    options.environment or "", math.ceil(25 * patience),
    os.getenv "QUAYSIDE_LUA" or "lua5.4", script.quote(name))
end

--- Runs a script in a process of its own, to its end.
-- @tparam string source
-- @tparam[opt] table options as of script.command
-- @treturn string what it wrote, standard error included
-- @treturn integer its exit status; of a signal, 128 and its number
function script.run(source, options)
  local name = script.file(source)
  local command = "{ " .. script.command(name, options) .. "; } 2>&1"
  local process = io.popen(command)
  local written = process:read("a")
  local _, how, status = process:close()
  os.remove(name)
  if how == "signal" then status = status + 128 end
  return written, status
end

return script
