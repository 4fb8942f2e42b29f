-- What the programs share: numbers printed as Python prints them, and the random numbers of chaos.py and monte_carlo.py.

-- The shortest decimal that reads back as the same number, written as Python's repr writes it.
function real(x)
  local text
  for digits = 1, 17 do
    text = string.format("%." .. digits .. "g", x)
    if tonumber(text) == x then break end
  end
  local exponent = tonumber(text:match("e([-+]%d+)$"))
  if exponent and 0 <= exponent and exponent < 16 then -- Python writes these in full
    text = string.format("%.0f", x)
  end
  if not text:find("[.en]") then text = text .. ".0" end -- no fraction, no exponent, nor inf, nan
  return text
end

function say(...)
  local parts = {}
  for i = 1, select("#", ...) do
    local part = select(i, ...)
    if type(part) == "number" then
      part = string.format("%d", part)
    elseif type(part) == "boolean" then
      part = part and "True" or "False"
    end
    parts[i] = part
  end
  io.write(table.concat(parts, " "), "\n")
end

-- (state * 1103515245 + 12345) % 2^31, in two parts: doubles hold integers up to 2^53 only.
function next_state(state)
  return (state * 16838 % 32768 * 65536 + state * 20077 + 12345) % 2147483648
end

function truncate(x)
  return x < 0 and math.ceil(x) or math.floor(x)
end
