std = "lua54"
max_line_length = 80
max_cyclomatic_complexity = 10
files["spec"] = {std = "+busted"}
files["lua/quayside/coroutine.lua"] = {globals = {"coroutine"}}
