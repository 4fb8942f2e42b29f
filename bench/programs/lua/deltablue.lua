-- Variables under constraints of different strength, as in deltablue.py.
local SIZE = ...
local REQUIRED, PREFERRED, NORMAL, WEAK, WEAKEST = 0, 2, 3, 4, 5

local function class()
  local methods = {}
  methods.__index = methods
  return methods
end

local Variable = class()

local function variable(value)
  return setmetatable({
    value = value, constraints = {}, determined_by = nil, mark = 0, strength = WEAKEST, constant = true,
  }, Variable)
end

function Variable:add(constraint)
  self.constraints[#self.constraints + 1] = constraint
end

function Variable:remove(constraint)
  local kept = {}
  local constraints = self.constraints
  for i = 1, #constraints do
    if constraints[i] ~= constraint then kept[#kept + 1] = constraints[i] end
  end
  self.constraints = kept
  if self.determined_by == constraint then self.determined_by = nil end
end

local Stay = class()

local function stay(output, strength, edit)
  return setmetatable({ output = output, strength = strength, edit = edit, satisfied = false }, Stay)
end

function Stay:attach()
  self.output:add(self)
  self.satisfied = false
end

function Stay:detach()
  self.output:remove(self)
  self.satisfied = false
end

function Stay:choose(mark)
  self.satisfied = self.output.mark ~= mark and self.strength < self.output.strength
end

function Stay:inputs_known() return true end

function Stay:mark_inputs() end

function Stay:recalculate()
  self.output.strength = self.strength
  self.output.constant = not self.edit
end

function Stay:execute() end

local Scale = class()

local function scale(first, factor, offset, second, strength)
  return setmetatable({
    first = first, factor = factor, offset = offset, second = second, strength = strength,
    input = first, output = second, satisfied = false,
  }, Scale)
end

function Scale:attach()
  self.first:add(self)
  self.second:add(self)
  self.satisfied = false
end

function Scale:detach()
  self.first:remove(self)
  self.second:remove(self)
  self.satisfied = false
end

function Scale:choose(mark)
  local first, second = self.first, self.second
  self.satisfied = false
  if first.mark ~= mark and (second.mark == mark or first.strength > second.strength) then
    self:point(second, first)
  elseif second.mark ~= mark then
    self:point(first, second)
  end
end

function Scale:point(source, target)
  if self.strength < target.strength then
    self.input = source
    self.output = target
    self.satisfied = true
  end
end

function Scale:inputs_known(mark)
  local source = self.input
  return source.mark == mark or source.constant or source.determined_by == nil
end

function Scale:mark_inputs(mark)
  self.input.mark = mark
end

function Scale:recalculate()
  local source = self.input
  self.output.strength = math.max(self.strength, source.strength)
  self.output.constant = source.constant
  if source.constant then self:execute() end
end

function Scale:execute()
  if self.output == self.second then
    self.second.value = self.first.value * self.factor + self.offset
  else
    self.first.value = math.floor((self.second.value - self.offset) / self.factor)
  end
end

local Plan = class()

function Plan:execute()
  local constraints = self.constraints
  for i = 1, #constraints do constraints[i]:execute() end
end

local Planner = class()

local function planner()
  return setmetatable({ current_mark = 0 }, Planner)
end

function Planner:next_mark()
  self.current_mark = self.current_mark + 1
  return self.current_mark
end

function Planner:add(constraint)
  constraint:attach()
  self:add_attached(constraint)
end

function Planner:add_attached(constraint)
  local mark = self:next_mark()
  local pushed = self:satisfy(constraint, mark)
  while pushed ~= nil do pushed = self:satisfy(pushed, mark) end
end

function Planner:satisfy(constraint, mark)
  constraint:choose(mark)
  if not constraint.satisfied then return nil end
  constraint:mark_inputs(mark)
  local output = constraint.output
  local pushed = output.determined_by
  if pushed ~= nil then pushed.satisfied = false end
  output.determined_by = constraint
  self:propagate(constraint)
  output.mark = mark
  return pushed
end

function Planner:propagate(constraint)
  local todo, done = { constraint }, 1
  while done <= #todo do
    local current = todo[done]
    done = done + 1
    current:recalculate()
    self:add_consumers(current.output, todo)
  end
end

function Planner:add_consumers(output, todo)
  local determining = output.determined_by
  local constraints = output.constraints
  for i = 1, #constraints do
    local constraint = constraints[i]
    if constraint ~= determining and constraint.satisfied then todo[#todo + 1] = constraint end
  end
end

function Planner:remove(constraint)
  local output, was_satisfied = constraint.output, constraint.satisfied
  constraint:detach()
  if was_satisfied then self:release(output) end
end

function Planner:release(freed)
  freed.determined_by = nil
  freed.strength = WEAKEST
  freed.constant = true
  local waiting, todo, done = {}, { freed }, 1
  while done <= #todo do
    local current = todo[done]
    done = done + 1
    local determining = current.determined_by
    local constraints = current.constraints
    for i = 1, #constraints do
      local constraint = constraints[i]
      if not constraint.satisfied then
        waiting[#waiting + 1] = constraint
      elseif constraint ~= determining then
        constraint:recalculate()
        todo[#todo + 1] = constraint.output
      end
    end
  end
  for strength = REQUIRED, WEAKEST - 1 do
    for i = 1, #waiting do
      local constraint = waiting[i]
      if constraint.strength == strength and not constraint.satisfied then self:add_attached(constraint) end
    end
  end
end

function Planner:plan(source)
  local mark = self:next_mark()
  local plan = setmetatable({ constraints = {} }, Plan)
  local todo, done = {}, 1
  if source.satisfied then todo[1] = source end
  while done <= #todo do
    local constraint = todo[done]
    done = done + 1
    local output = constraint.output
    if output.mark ~= mark and constraint:inputs_known(mark) then
      plan.constraints[#plan.constraints + 1] = constraint
      output.mark = mark
      self:add_consumers(output, todo)
    end
  end
  return plan
end

local function change(planner, changed, value)
  local edit = stay(changed, PREFERRED, true)
  planner:add(edit)
  local plan = planner:plan(edit)
  for i = 0, 9 do
    changed.value = value + i
    plan:execute()
  end
  planner:remove(edit)
end

local function chain(size)
  local planner = planner()
  local first = variable(0)
  local last = first
  for _ = 1, size do
    local added = variable(0)
    planner:add(scale(last, 1, 0, added, REQUIRED))
    last = added
  end
  planner:add(stay(last, WEAK, false))
  change(planner, first, 100)
  return last.value
end

local function projection(size)
  local planner = planner()
  local sources, targets = {}, {}
  for i = 0, size - 1 do
    local source, target = variable(i), variable(i)
    planner:add(stay(source, NORMAL, false))
    planner:add(scale(source, 10, 1000, target, REQUIRED))
    sources[i] = source
    targets[i] = target
  end
  local total = 0
  for i = 0, size - 1 do
    change(planner, sources[i], i)
    total = total + targets[i].value
    change(planner, targets[i], 10 * i + 5000)
    total = total + sources[i].value
  end
  return total
end

return function()
  say("the chain's end is", chain(SIZE))
  say("the projections sum to", projection(SIZE))
end
