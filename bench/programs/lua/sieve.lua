-- The sieve of Eratosthenes, as in sieve.py.
local SIZE = ...

local function sieve(limit)
  local prime = {}
  for i = 0, limit do prime[i] = true end
  prime[0], prime[1] = false, false
  local number = 2
  while number * number <= limit do
    if prime[number] then
      for multiple = number * number, limit, number do prime[multiple] = false end
    end
    number = number + 1
  end
  return prime
end

return function()
  local prime = sieve(SIZE)
  local count, last, gap = 0, 2, 0
  for number = 2, SIZE do
    if prime[number] then
      count = count + 1
      if number - last > gap then gap = number - last end
      last = number
    end
  end
  say(count, "primes up to", SIZE)
  say("the last one is", last, "and the widest gap", gap)
end
