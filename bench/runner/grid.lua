--- Tables of text: a list of rows, each a list of strings, the first row is
-- the heading.  Printed for a terminal or written as Markdown.

local grid = {}

-- Width in columns of UTF-8 text.
local function width(text)
  return utf8.len(text) or #text
end

local function widths(rows)
  local list = {}
  for _, row in ipairs(rows) do
    for i, cell in ipairs(row) do
      list[i] = math.max(list[i] or 3, width(cell))
    end
  end
  return list
end

-- The first column to the left, numbers to the right.
local function pad(cell, columns, i)
  local space = (" "):rep(columns - width(cell))
  return i == 1 and cell .. space or space .. cell
end

local function pad_row(row, columns)
  local cells = {}
  for i, cell in ipairs(row) do cells[i] = pad(cell, columns[i], i) end
  return cells
end

function grid.text(rows)
  local columns, lines = widths(rows), {}
  for i, row in ipairs(rows) do
    lines[i] = table.concat(pad_row(row, columns), "  ")
  end
  return table.concat(lines, "\n") .. "\n"
end

function grid.markdown(rows)
  local columns, lines, rule = widths(rows), {}, {}
  for i, row in ipairs(rows) do
    lines[i] = "| " .. table.concat(pad_row(row, columns), " | ") .. " |"
  end
  for i, columns_wide in ipairs(columns) do
    local dashes = ("-"):rep(columns_wide - 1)
    rule[i] = i == 1 and dashes .. "-" or dashes .. ":"
  end
  table.insert(lines, 2, "| " .. table.concat(rule, " | ") .. " |")
  return table.concat(lines, "\n") .. "\n"
end

return grid
