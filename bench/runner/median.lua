--- Medians over the rounds of a measurement.

local median = {}

function median.of(list)
  local sorted = table.move(list, 1, #list, 1, {})
  table.sort(sorted)
  local middle = #sorted // 2
  if #sorted == 0 then return nil end
  if #sorted % 2 == 1 then return sorted[middle + 1] end
  return (sorted[middle] + sorted[middle + 1]) / 2
end

--- The median of one key over all rounds, or nil where there is none.
function median.key(rounds, key)
  local values = {}
  for _, result in ipairs(rounds) do values[#values + 1] = result[key] end
  return median.of(values)
end

--- The median of the ratios of one key within each round: a machine that
-- changes its speed between two rounds changes no ratio.
function median.ratio(rounds, base, key)
  local values = {}
  for i, result in ipairs(rounds) do
    if base[i] and base[i][key] and result[key] then
      values[#values + 1] = result[key] / base[i][key]
    end
  end
  return median.of(values)
end

return median
