--- The comparison as an SVG: one panel for each case, one bar for each peer,
-- and a last panel for the memory of an idle connection.

local median = require "runner.median"
local report = require "runner.report"

local COLUMNS, PANEL, MARGIN = 3, 370, 24
local LABEL, BAR, ROW, HEADING, TOP = 118, 13, 18, 30, 78
local ROOM = PANEL - LABEL - 62 -- the longest bar, and its figure after it

local INK, FAINT, GRID = "#1f2933", "#616e7c", "#9aa5b1"
local OURS, THEIRS, PAPER = "#0b7285", "#b8c4ce", "#fbfcfd"

-- Figures stay readable where the dashed line crosses them.
local HALO = (' paint-order="stroke" stroke="%s" stroke-width="4"'):format(
  PAPER)

local function escape(text)
  return (text:gsub("[&<>]", { ["&"] = "&amp;", ["<"] = "&lt;",
    [">"] = "&gt;" }))
end

local function text(x, y, size, content, more)
  return ('<text x="%g" y="%g" font-size="%d" %s>%s</text>'):format(
    x, y, size, more or "", escape(content))
end

local function bar(x, y, width, ours)
  return ('<rect x="%g" y="%g" width="%.1f" height="%d" rx="2" fill="%s"/>')
    :format(x, y, width, BAR, ours and OURS or THEIRS)
end

-- One line of a panel: the name, the bar, the figure.
local function draw_row(out, x, y, row, scale)
  local ours = row.name == "quayside"
  local weight = ours and 'font-weight="bold"' or ""
  out[#out + 1] = text(x + LABEL - 6, y + BAR - 2, 11, row.title,
    weight .. ' text-anchor="end"')
  local width = row.value and math.max(1, row.value * scale) or 0
  if row.value then out[#out + 1] = bar(x + LABEL, y, width, ours) end
  out[#out + 1] = text(x + LABEL + width + 5, y + BAR - 2, 11, row.figure,
    weight .. HALO .. (row.value and "" or (' fill="%s"'):format(FAINT)))
end

local function draw_measure(out, x, y, height)
  out[#out + 1] = ('<line x1="%g" y1="%g" x2="%g" y2="%g" stroke="%s" '
    .. 'stroke-dasharray="3 3"/>'):format(x, y - 4, x, y + height - 2, GRID)
end

-- `panel.one` says that 1 has a meaning, the rate of raw C.
local function draw_panel(out, panel, x, y)
  local most = panel.one and 1.2 or 0
  for _, row in ipairs(panel.rows) do most = math.max(most, row.value or 0) end
  local scale = ROOM / most
  out[#out + 1] = text(x + LABEL, y + 14, 13, panel.title,
    'font-weight="bold"')
  if panel.one then
    draw_measure(out, x + LABEL + scale, y + HEADING, #panel.rows * ROW)
  end
  for i, row in ipairs(panel.rows) do
    draw_row(out, x, y + HEADING + (i - 1) * ROW, row, scale)
  end
end

local function ratio_panel(entry, peers)
  local rows = {}
  for _, peer in ipairs(peers) do
    if peer.name ~= "raw" then
      local ratio, _, failed = report.ratios(entry, peer)
      rows[#rows + 1] = { name = peer.name, title = peer.name, value = ratio,
        figure = ratio and ("%.2f"):format(ratio)
          or failed and "fails" or "-" }
    end
  end
  return { title = entry.case.title, rows = rows, one = true }
end

local function memory_panel(entry, peers)
  local rows = {}
  for _, peer in ipairs(peers) do
    local rounds = entry.results[peer.name]
    local bytes = not rounds.failed and median.key(rounds, "bytes") or nil
    rows[#rows + 1] = { name = peer.name, title = peer.name, value = bytes,
      figure = bytes and ("%.0f B"):format(bytes) or "fails" }
  end
  return { title = "memory of an idle connection (less is better)",
    rows = rows }
end

local function panels_of(measured, peers)
  local panels = {}
  for _, entry in ipairs(measured) do
    if entry.case.kind == "server" then
      panels[#panels + 1] = ratio_panel(entry, peers)
    elseif entry.case.kind == "idle" then
      panels[#panels + 1] = memory_panel(entry, peers)
    end
  end
  return panels
end

local function open_svg(width, height)
  return ('<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" '
    .. 'viewBox="0 0 %d %d" font-family="sans-serif" fill="%s">'):format(
    width, height, width, height, INK)
    .. ('<rect width="%d" height="%d" fill="%s"/>'):format(width, height,
    PAPER)
end

--- The text of the SVG; `note` is the small print under the title.
-- The dashed line of a panel is raw C.
local function draw(measured, peers, note)
  local panels = panels_of(measured, peers)
  local height = HEADING + #peers * ROW + 20
  local width = MARGIN * 2 + PANEL * math.min(COLUMNS, math.max(1, #panels))
  local out = { open_svg(width,
    TOP + height * ((#panels + COLUMNS - 1) // COLUMNS)) }
  out[#out + 1] = text(MARGIN, 34, 19,
    "Rate as a ratio to raw C, the dashed line", 'font-weight="bold"')
  out[#out + 1] = text(MARGIN, 55, 12, note, ('fill="%s"'):format(FAINT))
  for i, panel in ipairs(panels) do
    draw_panel(out, panel, MARGIN + (i - 1) % COLUMNS * PANEL,
      TOP + (i - 1) // COLUMNS * height)
  end
  out[#out + 1] = "</svg>\n"
  return table.concat(out, "\n")
end

return { draw = draw }
