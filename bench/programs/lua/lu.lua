-- LU factorisation, as in lu.py.
local SIZE = ...
local abs = math.abs

local function matrix(size)
  local rows = {}
  local state = 12345
  for i = 0, size - 1 do
    local row = {}
    for j = 0, size - 1 do
      state = state * 16807 % 2147483647
      row[j] = state / 2147483647.0 - 0.5
    end
    rows[i] = row
  end
  return rows
end

local function factor(a, size)
  local order, sign = {}, 1
  for i = 0, size - 1 do order[i] = i end
  for k = 0, size - 1 do
    local best = k
    for i = k + 1, size - 1 do
      if abs(a[i][k]) > abs(a[best][k]) then best = i end
    end
    if best ~= k then
      a[k], a[best] = a[best], a[k]
      order[k], order[best] = order[best], order[k]
      sign = -sign
    end
    local pivot = a[k]
    for i = k + 1, size - 1 do
      local row = a[i]
      local ratio = row[k] / pivot[k]
      row[k] = ratio
      for j = k + 1, size - 1 do row[j] = row[j] - ratio * pivot[j] end
    end
  end
  return order, sign
end

local function solve(lu, size, order, b)
  local x = {}
  for i = 0, size - 1 do
    local total = b[order[i]]
    local row = lu[i]
    for j = 0, i - 1 do total = total - row[j] * x[j] end
    x[i] = total
  end
  for i = size - 1, 0, -1 do
    local total = x[i]
    local row = lu[i]
    for j = i + 1, size - 1 do total = total - row[j] * x[j] end
    x[i] = total / row[i]
  end
  return x
end

return function()
  local a = matrix(SIZE)
  local b = {}
  for i = 0, SIZE - 1 do
    local row, total = a[i], 0.0
    for j = 0, SIZE - 1 do total = total + row[j] * (j + 1) end
    b[i] = total
  end
  local order, sign = factor(a, SIZE)
  local product = sign
  for i = 0, SIZE - 1 do product = product * a[i][i] end
  say("determinant", real(product))
  local worst = 0.0
  local x = solve(a, SIZE, order, b)
  for i = 0, SIZE - 1 do
    local off = abs(x[i] - (i + 1))
    if off > worst then worst = off end
  end
  say("largest error below 1e-8:", worst < 1e-8)
  say("first rows used:", order[0], order[1], order[2])
end
