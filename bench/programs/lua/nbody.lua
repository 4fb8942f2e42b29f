-- Planets, as in nbody.py.
local SIZE = ...
local sqrt = math.sqrt

local function energy(bodies)
  local total = 0.0
  local count = #bodies
  for i = 1, count do
    local a = bodies[i]
    local x, y, z, vx, vy, vz, mass = a[1], a[2], a[3], a[4], a[5], a[6], a[7]
    total = total + 0.5 * mass * (vx * vx + vy * vy + vz * vz)
    for j = i + 1, count do
      local other = bodies[j]
      local dx, dy, dz = x - other[1], y - other[2], z - other[3]
      total = total - mass * other[7] / sqrt(dx * dx + dy * dy + dz * dz)
    end
  end
  return total
end

local function step(bodies, dt)
  local count = #bodies
  for i = 1, count do
    local a = bodies[i]
    for j = i + 1, count do
      local b = bodies[j]
      local dx, dy, dz = a[1] - b[1], a[2] - b[2], a[3] - b[3]
      local square = dx * dx + dy * dy + dz * dz
      local pull = dt / (square * sqrt(square))
      local on_a, on_b = b[7] * pull, a[7] * pull
      a[4] = a[4] - dx * on_a
      a[5] = a[5] - dy * on_a
      a[6] = a[6] - dz * on_a
      b[4] = b[4] + dx * on_b
      b[5] = b[5] + dy * on_b
      b[6] = b[6] + dz * on_b
    end
  end
  for i = 1, count do
    local body = bodies[i]
    body[1] = body[1] + dt * body[4]
    body[2] = body[2] + dt * body[5]
    body[3] = body[3] + dt * body[6]
  end
end

local function circular(distance, height, mass, sun)
  return { distance, 0.0, height, 0.0, sqrt(sun / distance), 0.0, mass }
end

return function()
  local sun = 1000.0
  local bodies = {
    { 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, sun },
    circular(4.0, 0.1, 0.02, sun),
    circular(-7.5, -0.2, 0.8, sun * -1.0),
    circular(12.25, 0.4, 0.05, sun),
    circular(30.0, -1.0, 0.3, sun),
  }
  say(real(energy(bodies)))
  for _ = 1, SIZE do step(bodies, 0.001) end
  say(real(energy(bodies)))
  for i = 1, #bodies do
    local body = bodies[i]
    say(real(body[1]), real(body[2]), real(body[3]))
  end
end
