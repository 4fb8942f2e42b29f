-- A sparse matrix times a vector, as in sparse_mat_mult.py.
local SIZE = ...
local ROWS, PER_ROW = 1000, 10

local function walk()
  local rows, columns, values, count = { [0] = 0 }, {}, {}, 0
  local state = 7
  for i = 1, ROWS do
    for _ = 1, PER_ROW do
      state = (state * 69069 + 1) % 4294967296
      columns[count] = math.floor(state / 65536) % ROWS
      values[count] = 1.0 / PER_ROW
      count = count + 1
    end
    rows[i] = count
  end
  return rows, columns, values
end

local function multiply(rows, columns, values, x)
  local y = {}
  for i = 0, ROWS - 1 do
    local total = 0.0
    for k = rows[i], rows[i + 1] - 1 do total = total + values[k] * x[columns[k]] end
    y[i] = total
  end
  return y
end

return function()
  local rows, columns, values = walk()
  local x = {}
  for i = 0, ROWS - 1 do x[i] = i % 10 / 10.0 end
  for _ = 1, SIZE do x = multiply(rows, columns, values, x) end
  local low, high = x[0], x[0]
  for i = 0, ROWS - 1 do
    if x[i] < low then low = x[i] end
    if x[i] > high then high = x[i] end
  end
  say("after", SIZE, "steps between", real(low), "and", real(high))
end
