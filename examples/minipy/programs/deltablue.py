"""Keeps variables consistent under constraints of different strength, and finds anew only what a change affects.

Each constraint can compute one of its variables from the others. A variable's `strength` says how strong a constraint
would have to be to determine it differently; so a new constraint sees at once whether it can be satisfied, and which
one it pushes out. SIZE is the length of a chain of equalities, and the number of pairs in a projection.
"""

SIZE = 9000

# Strengths: a smaller number is stronger.
REQUIRED = 0
STRONG = 1
PREFERRED = 2
NORMAL = 3
WEAK = 4
WEAKEST = 5


class Variable:
    def __init__(self, value):
        self.value = value
        self.constraints = []
        self.determined_by = None
        self.mark = 0
        self.strength = WEAKEST
        self.constant = True

    def remove(self, constraint):
        kept = []
        for other in self.constraints:
            if other is not constraint:
                kept.append(other)
        self.constraints = kept
        if self.determined_by is constraint:
            self.determined_by = None


class Stay:
    """The variable keeps its value. As an edit it may be changed from outside, so it is no constant."""

    def __init__(self, variable, strength, edit=False):
        self.output = variable
        self.strength = strength
        self.edit = edit
        self.satisfied = False

    def attach(self):
        self.output.constraints.append(self)
        self.satisfied = False

    def detach(self):
        self.output.remove(self)
        self.satisfied = False

    def choose(self, mark):
        """Decide whether to be satisfied: what it would determine must not be settled, and weaker than itself."""
        self.satisfied = self.output.mark != mark and self.strength < self.output.strength

    def inputs_known(self, mark):
        return True

    def mark_inputs(self, mark):
        pass

    def recalculate(self):
        self.output.strength = self.strength
        self.output.constant = not self.edit

    def execute(self):
        pass


class Scale:
    """second = first · factor + offset, computed in whichever direction is chosen."""

    def __init__(self, first, factor, offset, second, strength):
        self.first = first
        self.factor = factor
        self.offset = offset
        self.second = second
        self.strength = strength
        self.input = first
        self.output = second
        self.satisfied = False

    def attach(self):
        self.first.constraints.append(self)
        self.second.constraints.append(self)
        self.satisfied = False

    def detach(self):
        self.first.remove(self)
        self.second.remove(self)
        self.satisfied = False

    def choose(self, mark):
        """Determine the weaker of the two variables, unless it is settled already."""
        first = self.first
        second = self.second
        self.satisfied = False
        if first.mark != mark and (second.mark == mark or first.strength > second.strength):
            self.point(second, first)
        elif second.mark != mark:
            self.point(first, second)

    def point(self, source, target):
        if self.strength < target.strength:
            self.input = source
            self.output = target
            self.satisfied = True

    def inputs_known(self, mark):
        source = self.input
        return source.mark == mark or source.constant or source.determined_by is None

    def mark_inputs(self, mark):
        self.input.mark = mark

    def recalculate(self):
        source = self.input
        self.output.strength = max(self.strength, source.strength)
        self.output.constant = source.constant
        if source.constant:
            self.execute()

    def execute(self):
        if self.output is self.second:
            self.second.value = self.first.value * self.factor + self.offset
        else:
            self.first.value = (self.second.value - self.offset) // self.factor


class Plan:
    """Constraints in an order in which each finds its inputs computed."""

    def __init__(self):
        self.constraints = []

    def execute(self):
        for constraint in self.constraints:
            constraint.execute()


class Planner:
    def __init__(self):
        self.current_mark = 0

    def next_mark(self):
        self.current_mark += 1
        return self.current_mark

    def add(self, constraint):
        constraint.attach()
        self.add_attached(constraint)

    def add_attached(self, constraint):
        """Satisfy it, then the one it pushed out, and so on; each is weaker than the one before, so this ends."""
        mark = self.next_mark()
        pushed = self.satisfy(constraint, mark)
        while pushed is not None:
            pushed = self.satisfy(pushed, mark)

    def satisfy(self, constraint, mark):
        """Let it determine its output.

        The result is the constraint that did until now, if any; it is not satisfied any more.
        """
        constraint.choose(mark)
        if not constraint.satisfied:
            return None
        constraint.mark_inputs(mark)
        output = constraint.output
        pushed = output.determined_by
        if pushed is not None:
            pushed.satisfied = False
        output.determined_by = constraint
        self.propagate(constraint)
        output.mark = mark
        return pushed

    def propagate(self, constraint):
        """Recalculate what lies downstream of a constraint."""
        todo = [constraint]
        done = 0
        while done < len(todo):
            current = todo[done]
            done += 1
            current.recalculate()
            self.add_consumers(current.output, todo)

    def add_consumers(self, variable, todo):
        """Append the satisfied constraints that read `variable`."""
        determining = variable.determined_by
        for constraint in variable.constraints:
            if constraint is not determining and constraint.satisfied:
                todo.append(constraint)

    def remove(self, constraint):
        output = constraint.output
        was_satisfied = constraint.satisfied
        constraint.detach()
        if was_satisfied:
            self.release(output)

    def release(self, variable):
        """Nothing determines `variable` any more: weaken all downstream, then let the unsatisfied try, strong ones first."""
        variable.determined_by = None
        variable.strength = WEAKEST
        variable.constant = True
        waiting = []
        todo = [variable]
        done = 0
        while done < len(todo):
            current = todo[done]
            done += 1
            determining = current.determined_by
            for constraint in current.constraints:
                if not constraint.satisfied:
                    waiting.append(constraint)
                elif constraint is not determining:
                    constraint.recalculate()
                    todo.append(constraint.output)
        for strength in range(REQUIRED, WEAKEST):
            for constraint in waiting:
                if constraint.strength == strength and not constraint.satisfied:
                    self.add_attached(constraint)

    def plan(self, source):
        """All that has to be executed when the value of an edit changes."""
        mark = self.next_mark()
        plan = Plan()
        todo = []
        if source.satisfied:
            todo.append(source)
        done = 0
        while done < len(todo):
            constraint = todo[done]
            done += 1
            output = constraint.output
            if output.mark != mark and constraint.inputs_known(mark):
                plan.constraints.append(constraint)
                output.mark = mark
                self.add_consumers(output, todo)
        return plan


def change(planner, variable, value):
    """Set a variable from outside, several times, and let the rest follow."""
    edit = Stay(variable, PREFERRED, True)
    planner.add(edit)
    plan = planner.plan(edit)
    for i in range(10):
        variable.value = value + i
        plan.execute()
    planner.remove(edit)


def chain(size):
    """Equal variables in a row: what is written at one end arrives at the other."""
    planner = Planner()
    first = Variable(0)
    last = first
    for _ in range(size):
        variable = Variable(0)
        planner.add(Scale(last, 1, 0, variable, REQUIRED))
        last = variable
    planner.add(Stay(last, WEAK))
    change(planner, first, 100)
    return last.value


def projection(size):
    """Pairs that each share a factor and an offset: changes forwards, backwards, and for all pairs at once."""
    planner = Planner()
    sources = []
    targets = []
    for i in range(size):
        source = Variable(i)
        target = Variable(i)
        planner.add(Stay(source, NORMAL))
        planner.add(Scale(source, 10, 1000, target, REQUIRED))
        sources.append(source)
        targets.append(target)
    total = 0
    for i in range(size):
        change(planner, sources[i], i)
        total += targets[i].value
        change(planner, targets[i], 10 * i + 5000)
        total += sources[i].value
    return total


def main():
    print("the chain's end is", chain(SIZE))
    print("the projections sum to", projection(SIZE))


main()
