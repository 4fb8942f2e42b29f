-- π from random points, as in monte_carlo.py.
local SIZE = ...
local MODULUS = 2147483648

local function pi(samples, state)
  local inside = 0
  for _ = 1, samples do
    state = next_state(state)
    local x = state / MODULUS
    state = next_state(state)
    local y = state / MODULUS
    if x * x + y * y <= 1.0 then inside = inside + 1 end
  end
  return 4.0 * inside / samples
end

return function()
  say("pi is about", real(pi(SIZE, 42)))
end
