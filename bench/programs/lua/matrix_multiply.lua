-- The product of two matrices, as in matrix_multiply.py.
local SIZE = ...

local function matrix(size, seed)
  local rows = {}
  for i = 0, size - 1 do
    local row = {}
    for j = 0, size - 1 do row[j] = (seed * i + j * j) % 17 / 4.0 - 2.0 end
    rows[i] = row
  end
  return rows
end

local function transpose(a, size)
  local columns = {}
  for j = 0, size - 1 do
    local column = {}
    for i = 0, size - 1 do column[i] = a[i][j] end
    columns[j] = column
  end
  return columns
end

local function multiply(a, b, size)
  local columns = transpose(b, size)
  local product = {}
  for i = 0, size - 1 do
    local row, out = a[i], {}
    for j = 0, size - 1 do
      local column, total = columns[j], 0.0
      for k = 0, size - 1 do total = total + row[k] * column[k] end
      out[j] = total
    end
    product[i] = out
  end
  return product
end

return function()
  local c = multiply(matrix(SIZE, 3), matrix(SIZE, 5), SIZE)
  local trace = 0.0
  for i = 0, SIZE - 1 do trace = trace + c[i][i] end
  local last = SIZE - 1
  say("trace", real(trace))
  say("corners", real(c[0][0]), real(c[0][last]), real(c[last][0]), real(c[last][last]))
end
