-- Queens on a board, as in nqueens.py.
local SIZE = ...
local ROUNDS = 30

local function place(row, size, columns, rising, falling)
  if row == size then return 1 end
  local ways = 0
  for column = 0, size - 1 do
    local up = row + column
    local down = row - column + size - 1
    if not (columns[column] or rising[up] or falling[down]) then
      columns[column], rising[up], falling[down] = true, true, true
      ways = ways + place(row + 1, size, columns, rising, falling)
      columns[column], rising[up], falling[down] = false, false, false
    end
  end
  return ways
end

local function free(count)
  local lines = {}
  for i = 0, count - 1 do lines[i] = false end
  return lines
end

local function queens(size)
  return place(0, size, free(size), free(2 * size - 1), free(2 * size - 1))
end

return function()
  for size = 1, SIZE - 1 do say(size, queens(size)) end
  local total = 0
  for _ = 1, ROUNDS do total = total + queens(SIZE) end
  say(SIZE, math.floor(total / ROUNDS))
end
