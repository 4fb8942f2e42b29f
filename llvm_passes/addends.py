"""Moving JIT-time addends outwards: (x + hole) * 8 + 80  →  x * 8 + (hole * 8 + 80).

The optimiser leaves a JIT-time value where C added it, often underneath a run-time scaling or widening. At the
outside it becomes one displacement or one immediate. Every integer or pointer is therefore split as *run-time part +
JIT-time addend*, and the split is pushed through whatever distributes over addition:

    (r + J) + x          = (r + x) + J                     (also `sub`, and `or disjoint`)
    (r + J) * c          = r * c + J * c                   (c constant; `shl` likewise)
    sext(r +nsw J)       = sext r + sext J                 (zext with nuw likewise; each step inside must have the flag)
    trunc(r + J)         = trunc r + trunc J
    gep(b + J, i + K)    = gep(b, i) + (J + K * stride)
    (r + J) == K         ⇔ r == K - J                      (also !=)

An inner operation is taken apart only if this is its single use, or if its run-time part costs no new instruction. What
is rebuilt carries no no-wrap flags: they spoke about the old grouping.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from llvm_passes.body import Body
from llvm_passes.expression import (
    MAXIMUM_SIZE,
    ROOM,
    Const,
    ExpressionTooLarge,
    JitExpr,
    add,
    negate,
    operation,
    scale,
    to_signed,
)
from llvm_passes.instructions import Instruction, constant, global_address, strides
from llvm_passes.layout import Layout, UnknownType, integer_bits
from llvm_passes.symbols import SymbolTable

_MAXIMUM_DEPTH = 12
_AFFINE = frozenset(["add", "sub", "or", "shl", "mul", "sext", "zext", "trunc", "getelementptr"])


@dataclass(frozen=True, slots=True)
class Runtime:
    """The run-time part of a value: a token, or an operation over run-time parts that is yet to be written.

    `template` holds `{0}`, `{1}` for the operands' tokens; without operands it is the token itself.
    """

    template: str
    operands: tuple[Runtime, ...] = ()


@dataclass(frozen=True, slots=True)
class Split:
    """A value as run-time part (None: nothing) plus JIT-time addend."""

    runtime: Runtime | None
    addend: JitExpr


@dataclass(frozen=True, slots=True)
class Widening:
    """The cast outside the value being split, `sext` or `zext` to `bits`; `flag` is what it needs inside."""

    opcode: str
    bits: int

    @property
    def flag(self) -> str:
        return "nsw" if self.opcode == "sext" else "nuw"


class CannotSplit(Exception):
    """The value has no useful split."""


def move_addends(
    body: Body, jit: Mapping[str, JitExpr], markers: frozenset[str], table: SymbolTable, layout: Layout
) -> None:
    """Rewrite the affine run-time instructions that JIT-time values flow into; `markers` count as run-time."""
    _Mover(body, {name: value for name, value in jit.items() if name not in markers}, set(jit), table, layout).run()


class _Mover:
    def __init__(
        self, body: Body, jit: Mapping[str, JitExpr], folded: set[str], table: SymbolTable, layout: Layout
    ) -> None:
        self.body = body
        self.jit = jit
        self.folded = folded
        self.table = table
        self.layout = layout
        self.absorbed: set[int] = set()
        self.pinned: set[str] = set()  # values that rebuilt instructions use: they must stay

    def run(self) -> None:
        for index in self._users_first(self._touched()):
            if index not in self.absorbed:
                self._rewrite(index)
        for index in self.absorbed:
            self.body.delete(index)

    def _users_first(self, touched: set[int]) -> Iterator[int]:
        """Each instruction after its users: the outermost goes first, and absorbs what it can."""
        visited: set[int] = set()
        for first in sorted(touched):
            stack = [first]
            while stack:
                instruction = self.body.instruction(stack[-1])
                assert instruction is not None
                users = self.body.users(instruction.name)
                waiting = next((user for user in users if user in touched and user not in visited), None)
                if waiting is not None and stack[-1] not in visited:
                    stack.append(waiting)
                    continue
                index = stack.pop()
                if index not in visited:
                    visited.add(index)
                    yield index

    def _touched(self) -> set[int]:
        """The affine or comparing run-time instructions that a JIT-time value reaches through affine ones."""
        touched: set[int] = set()
        pending = [index for name in self.jit for index in self.body.users(name)]
        while pending:
            index = pending.pop()
            instruction = self.body.instruction(index)
            if index in touched or instruction is None or instruction.name in self.folded:
                continue
            if instruction.opcode in _AFFINE:
                touched.add(index)
                pending.extend(self.body.users(instruction.name))
            elif instruction.opcode in ("icmp.eq", "icmp.ne"):
                touched.add(index)
        return touched

    def _rewrite(self, index: int) -> None:
        instruction = self.body.instruction(index)
        assert instruction is not None
        taken: set[int] = set()
        try:
            if instruction.opcode in ("icmp.eq", "icmp.ne"):
                self._rewrite_comparison(index, instruction, taken)
                return
            split = self._split(instruction, taken, None, 0)
        except (CannotSplit, ExpressionTooLarge, UnknownType):
            return
        if isinstance(split.addend, Const) or split.runtime is None or split.addend.size > MAXIMUM_SIZE - ROOM:
            return
        lines: list[str] = []
        runtime = self._write(split.runtime, lines)
        addend_type = "i64" if instruction.type == "ptr" else instruction.type
        addend = self.table.constant(addend_type, split.addend)
        if instruction.type == "ptr":
            lines.append(f"  %{instruction.name} = getelementptr i8, ptr {runtime}, i64 {addend}")
        else:
            lines.append(f"  %{instruction.name} = add {instruction.type} {runtime}, {addend}")
        self._finish(index, lines, taken)

    def _rewrite_comparison(self, index: int, instruction: Instruction, taken: set[int]) -> None:
        (type_text, left), (_, right) = instruction.operands
        if type_text == "ptr":
            return
        sides = [self._operand(type_text, token, taken, None, 0) for token in (left, right)]
        if sides[0].runtime is None:
            sides.reverse()
        if sides[0].runtime is None or sides[1].runtime is not None or isinstance(sides[0].addend, Const):
            return
        other = add(sides[1].addend, negate(sides[0].addend))
        if other.size > MAXIMUM_SIZE - ROOM:
            return
        lines: list[str] = []
        runtime = self._write(sides[0].runtime, lines)
        predicate = instruction.opcode.removeprefix("icmp.")
        lines.append(
            f"  %{instruction.name} = icmp {predicate} {type_text} {runtime}, {self.table.constant(type_text, other)}"
        )
        self._finish(index, lines, taken)

    def _finish(self, index: int, lines: list[str], taken: set[int]) -> None:
        self.body.lines[index] = "\n".join(lines)
        self.absorbed |= taken

    def _write(self, runtime: Runtime, lines: list[str]) -> str:
        """The token for a run-time part, after appending the instructions that compute it."""
        if not runtime.operands:
            self.pinned.add(runtime.template.removeprefix("%"))
            return runtime.template
        tokens = [self._write(operand, lines) for operand in runtime.operands]
        name = self.body.fresh()
        lines.append(f"  %{name} = {runtime.template.format(*tokens)}")
        return f"%{name}"

    def _operand(self, type_text: str, token: str, taken: set[int], widening: Widening | None, depth: int) -> Split:
        """The split of an operand; of its widened value where `widening` stands outside."""
        bits = integer_bits(type_text)
        if bits is None:
            raise CannotSplit
        value = self.jit.get(token[1:]) if token[0] == "%" else constant(type_text, token, self.layout, self._address)
        if value is not None and (type_text != "ptr" or token[0] == "%"):
            return Split(None, operation(widening.opcode, widening.bits, value) if widening else value)
        if token[0] == "%":
            split = self._look_through(token[1:], taken, widening, depth)
            if split is not None:
                return split
        leaf = Runtime(token)
        if widening:
            leaf = Runtime(f"{widening.opcode} {type_text} {{0}} to i{widening.bits}", (leaf,))
        return Split(leaf, Const(widening.bits if widening else bits, 0))

    def _address(self, token: str) -> JitExpr:
        """A global's address, or what it stands for when an earlier round made it."""
        return self.table.value(token) or global_address(token)

    def _look_through(self, name: str, taken: set[int], widening: Widening | None, depth: int) -> Split | None:
        """The split of what defines %name, if it may be taken apart."""
        index = self.body.definitions.get(name)
        if index is None or depth >= _MAXIMUM_DEPTH or index in self.absorbed:
            return None
        instruction = self.body.instruction(index)
        if instruction is None or instruction.opcode not in _AFFINE:
            return None
        single_use = len(self.body.users(name)) == 1 and name not in self.pinned
        inner: set[int] = set()
        try:
            split = self._split(instruction, inner, widening, depth + 1)
        except (CannotSplit, UnknownType):
            return None
        if single_use:
            if isinstance(split.addend, Const) and split.addend.value == 0:
                return None
            taken |= inner | {index}
            return split
        free = split.runtime is not None and not split.runtime.operands and not inner
        return split if free else None

    def _split(self, instruction: Instruction, taken: set[int], widening: Widening | None, depth: int) -> Split:
        """The split of an affine instruction's value, widened where `widening` stands outside. Raises CannotSplit."""
        opcode, operands = instruction.opcode, instruction.operands
        bits = integer_bits(instruction.type)
        if bits is None:
            raise CannotSplit
        if opcode in ("sext", "zext", "trunc"):
            return self._split_cast(instruction, taken, widening, depth)
        if opcode == "getelementptr":
            return self._split_address(instruction, taken, depth)
        if opcode == "or":
            if "disjoint" not in instruction.flags:
                raise CannotSplit
        elif widening and widening.flag not in instruction.flags:
            raise CannotSplit
        width = widening.bits if widening else bits
        if opcode in ("shl", "mul"):
            factor = constant(operands[1][0], operands[1][1], self.layout, self._address)
            if not isinstance(factor, Const) or (opcode == "shl" and factor.value >= bits):
                raise CannotSplit
            multiplier = 1 << factor.value if opcode == "shl" else to_signed(factor.value, bits)
            if widening and widening.opcode == "zext":
                multiplier %= 1 << bits
            inner = self._operand(*operands[0], taken, widening, depth)
            return Split(_times(inner.runtime, multiplier, width), scale(inner.addend, multiplier))
        left = self._operand(*operands[0], taken, widening, depth)
        right = self._operand(*operands[1], taken, widening, depth)
        if opcode == "sub":
            return _difference(left, right, width)
        return Split(_sum(left.runtime, right.runtime, width), add(left.addend, right.addend))

    def _split_cast(self, instruction: Instruction, taken: set[int], widening: Widening | None, depth: int) -> Split:
        (source_type, token) = instruction.operands[0]
        if widening:
            raise CannotSplit
        bits = integer_bits(instruction.type)
        assert bits is not None
        if instruction.opcode == "trunc":
            inner = self._operand(source_type, token, taken, None, depth)
            runtime = inner.runtime and Runtime(f"trunc {source_type} {{0}} to i{bits}", (inner.runtime,))
            return Split(runtime, operation("trunc", bits, inner.addend))
        definition = self.body.definition(token[1:]) if token[0] == "%" else None
        opcode = instruction.opcode
        if "nneg" in instruction.flags and definition is not None and "nsw" in definition.flags:
            opcode = "sext"  # the value is not negative: both widenings agree
        return self._operand(source_type, token, taken, Widening(opcode, bits), depth)

    def _split_address(self, instruction: Instruction, taken: set[int], depth: int) -> Split:
        base = self._operand(*instruction.operands[0], taken, None, depth)
        runtime, addend = base.runtime, base.addend
        if runtime is None:
            raise CannotSplit
        indices: list[int | None] = []
        splits: list[Split] = []
        for type_text, token in instruction.operands[1:]:
            bits = integer_bits(type_text)
            split = self._operand(type_text, token, taken, Widening("sext", 64) if bits and bits < 64 else None, depth)
            splits.append(split)
            known = split.runtime is None and isinstance(split.addend, Const)
            indices.append(split.addend.value if known and isinstance(split.addend, Const) else None)
        for split, (amount, is_stride) in zip(splits, strides(instruction, self.layout, indices), strict=True):
            if not is_stride:
                addend = add(addend, Const(64, amount))
                continue
            addend = add(addend, scale(split.addend, amount))
            if split.runtime is not None:
                element = "i8" if amount == 1 else f"[{amount} x i8]"
                runtime = Runtime(f"getelementptr {element}, ptr {{0}}, i64 {{1}}", (runtime, split.runtime))
        return Split(runtime, addend)


def _sum(a: Runtime | None, b: Runtime | None, bits: int) -> Runtime | None:
    if a is None or b is None:
        return a or b
    return Runtime(f"add i{bits} {{0}}, {{1}}", (a, b))


def _difference(a: Split, b: Split, bits: int) -> Split:
    runtime = a.runtime
    if b.runtime is not None:
        runtime = Runtime(f"sub i{bits} {{0}}, {{1}}", (a.runtime or Runtime("0"), b.runtime))
    return Split(runtime, add(a.addend, negate(b.addend)))


def _times(a: Runtime | None, factor: int, bits: int) -> Runtime | None:
    if a is None:
        return None
    if factor > 0 and factor & (factor - 1) == 0:
        return Runtime(f"shl i{bits} {{0}}, {factor.bit_length() - 1}", (a,)) if factor > 1 else a
    return Runtime(f"mul i{bits} {{0}}, {factor}", (a,))
