-- Heat in a plate, as in sor.py.
local SIZE = ...
local SWEEPS, OMEGA = 120, 1.25

local function plate(size)
  local rows = {}
  for y = 0, size - 1 do
    local row = {}
    for x = 0, size - 1 do
      local edge = x == 0 or y == 0 or x == size - 1 or y == size - 1
      row[x] = edge and (x * x - y * y) / (size * size) or 0.0
    end
    rows[y] = row
  end
  return rows
end

local function relax(rows, size, omega)
  local quarter, rest = 0.25 * omega, 1.0 - omega
  for y = 1, size - 2 do
    local above, row, below = rows[y - 1], rows[y], rows[y + 1]
    for x = 1, size - 2 do
      row[x] = quarter * (above[x] + below[x] + row[x - 1] + row[x + 1]) + rest * row[x]
    end
  end
end

return function()
  local rows = plate(SIZE)
  for _ = 1, SWEEPS do relax(rows, SIZE, OMEGA) end
  local total = 0.0
  for y = 0, SIZE - 1 do
    local row = rows[y]
    for x = 0, SIZE - 1 do total = total + row[x] * row[x] end
  end
  say("sum of squares", real(total))
  local further = rows[math.floor(SIZE / 8)][math.floor(SIZE / 3)]
  say("near a corner", real(rows[1][SIZE - 2]), "and further in", real(further))
end
