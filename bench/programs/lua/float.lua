-- Points on a helix, as in float.py.
local SIZE = ...
local sqrt = math.sqrt

local function helix(count)
  local points = {}
  local x, y = 1.0, 0.0
  for i = 0, count - 1 do
    x, y = 0.8 * x - 0.6 * y, 0.6 * x + 0.8 * y
    points[i + 1] = { x, y, (i * i % 1000) / 500.0 }
  end
  return points
end

local function normalize(points)
  local scaled = {}
  for i = 1, #points do
    local point = points[i]
    local x, y, z = point[1], point[2], point[3]
    local length = sqrt(x * x + y * y + z * z)
    scaled[i] = { x / length, y / length, z / length }
  end
  return scaled
end

local function largest(points)
  local first = points[1]
  local x, y, z = first[1], first[2], first[3]
  for i = 1, #points do
    local point = points[i]
    if point[1] > x then x = point[1] end
    if point[2] > y then y = point[2] end
    if point[3] > z then z = point[3] end
  end
  return x, y, z
end

return function()
  local x, y, z = largest(normalize(helix(SIZE)))
  say("(" .. real(x) .. ", " .. real(y) .. ", " .. real(z) .. ")")
end
