-- The largest singular value, as in spectral_norm.py.
local SIZE = ...

local function entry(i, j)
  local diagonal = i + j
  return 1.0 / (math.floor(diagonal * (diagonal + 1) / 2) + i + 1)
end

local function times(vector, size)
  local product = {}
  for i = 0, size - 1 do
    local total = 0.0
    for j = 0, size - 1 do total = total + entry(i, j) * vector[j] end
    product[i] = total
  end
  return product
end

local function times_transposed(vector, size)
  local product = {}
  for i = 0, size - 1 do
    local total = 0.0
    for j = 0, size - 1 do total = total + entry(j, i) * vector[j] end
    product[i] = total
  end
  return product
end

local function dot(a, b, size)
  local total = 0.0
  for i = 0, size - 1 do total = total + a[i] * b[i] end
  return total
end

return function()
  local u = {}
  for i = 0, SIZE - 1 do u[i] = 1.0 end
  local v = u
  for _ = 1, 10 do
    v = times_transposed(times(u, SIZE), SIZE)
    u = times_transposed(times(v, SIZE), SIZE)
  end
  say(real(math.sqrt(dot(u, v, SIZE) / dot(v, v, SIZE))))
end
