"""The registers of x86-64, one constant each: `rax`, `r11d`, `ah`, `xmm7`, `k1`, `st0`, `fs`.

A register is its name; there is exactly one object of each, so registers compare and hash by identity. Widths of the
same register are different objects that share `.whole`. Arithmetic on registers makes addresses: `rsi + rcx*8 + 8`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from x86_64.errors import OperandError

if TYPE_CHECKING:
    from x86_64.operands import Masked, Memory, Symbol, Symbolic

_SIZES = {
    "r8": 1, "r8h": 1, "r16": 2, "r32": 4, "r64": 8, "mm": 8, "xmm": 16, "ymm": 32, "zmm": 64, "k": 8, "st": 10,
    "sreg": 2, "tmm": 1024, "bnd": 16, "rip": 8,
}  # fmt: skip
_NAMED = frozenset(["al", "cl", "ax", "dx", "eax", "rax", "st0", "xmm0", "es", "cs", "ss", "ds", "fs", "gs"])
_BY_NAME: dict[str, Register] = {}
_SCALED: dict[tuple[Register, int], Memory] = {}  # as registers: one object of each
_BY_KIND: dict[tuple[str, int], Register] = {}


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Register:
    """A machine register.

    kind: "r8", "r8h" (ah ch dh bh), "r16", "r32", "r64", "mm", "xmm", "ymm", "zmm", "k", "st", "sreg", "tmm", "bnd"
    or "rip". number: as the encoding counts (rax rcx rdx rbx rsp rbp rsi rdi r8 … r31 are 0 … 31; ah ch dh bh are 4 …
    7). shape: what selection goes by: the kind; of registers that some form names, the name; of r16 … r31, which only
    APX has, the kind and a plus sign.
    """

    name: str
    kind: str
    number: int
    shape: str = field(init=False)

    def __post_init__(self) -> None:
        high = "+" if self.number > 15 and self.kind in ("r8", "r16", "r32", "r64") else ""
        object.__setattr__(self, "shape", self.name if self.name in _NAMED else self.kind + high)

    @property
    def size(self) -> int:
        """Width in bytes."""
        return _SIZES[self.kind]

    @property
    def whole(self) -> Register:
        """The widest register this one is part of: rax for al, ah, ax and eax; zmm0 for xmm0 and ymm0."""
        return _WHOLE[self]

    def resize(self, size: int) -> Register:
        """The low `size` bytes of `.whole` as a register (1, 2, 4, 8 for general registers; 16, 32, 64 for vectors)."""
        whole = _WHOLE[self]
        kind = _RESIZE.get((whole.kind, size))
        if kind is None:
            raise OperandError(f"{self.name} has no {size}-byte part")
        return _BY_KIND[kind, whole.number]

    @classmethod
    def named(cls, name: str) -> Register:
        """The register of that (lower-case) name; KeyError when there is none."""
        return _BY_NAME[name]

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return Register.named, (self.name,)

    def __repr__(self) -> str:
        return self.name

    def __add__(self, other: Register | Memory | Symbol | Symbolic | int) -> Memory:
        if type(other) is _operands.Memory:
            return _operands.based(self, other)
        if type(other) is int and self.kind == "r64":
            return _operands.Memory(self, None, 1, other)
        return _operands.address(self) + other

    def __radd__(self, other: Symbol | Symbolic | int) -> Memory:
        return self + other

    def __sub__(self, other: int) -> Memory:
        return self + -other

    def __mul__(self, scale: int) -> Memory:
        known = _SCALED.get((self, scale))
        if known is None:
            known = _SCALED[self, scale] = _operands.Memory(None, self, scale)
        return known

    __rmul__ = __mul__

    def __call__(self, mask: Register | Zeroing) -> Masked:
        """`zmm1(k2)`: merge-masked; `zmm1(k2.z)` or `zmm1(k2).z`: zero-masked."""
        if type(mask) is Zeroing:
            return _operands.Masked(self, mask.mask, True)
        return _operands.Masked(self, mask)  # type: ignore[arg-type]  # there is no third kind

    @property
    def z(self) -> Zeroing:
        """Of a mask register: the mask that clears the elements left out instead of keeping them."""
        try:
            return _ZEROING[self]
        except KeyError:
            raise OperandError(f"{self.name} is not a mask register: only k1 … k7 have .z") from None


@dataclass(frozen=True, slots=True)
class Zeroing:
    """`k1.z`, as `zmm0(k1.z)` has it."""

    mask: Register


_RESIZE = {
    ("r64", 1): "r8", ("r64", 2): "r16", ("r64", 4): "r32", ("r64", 8): "r64",
    ("zmm", 16): "xmm", ("zmm", 32): "ymm", ("zmm", 64): "zmm",
}  # fmt: skip


def _family(kind: str, *names: str, first: int = 0) -> tuple[Register, ...]:
    """Make the registers of one kind, numbered from `first`."""
    registers = tuple(Register(name, kind, number) for number, name in enumerate(names, first))
    for register in registers:
        _BY_NAME[register.name] = _BY_KIND[kind, register.number] = register
    return registers


def _numbered(kind: str, count: int) -> tuple[Register, ...]:
    return _family(kind, *(f"{kind}{number}" for number in range(count)))


def _general(kind: str, *low: str, suffix: str = "") -> tuple[Register, ...]:
    return _family(kind, *low, *(f"r{number}{suffix}" for number in range(8, 32)))


# fmt: off
(
    rax, rcx, rdx, rbx, rsp, rbp, rsi, rdi,
    r8, r9, r10, r11, r12, r13, r14, r15,
    r16, r17, r18, r19, r20, r21, r22, r23,
    r24, r25, r26, r27, r28, r29, r30, r31,
) = _general("r64", "rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi")
(
    eax, ecx, edx, ebx, esp, ebp, esi, edi,
    r8d, r9d, r10d, r11d, r12d, r13d, r14d, r15d,
    r16d, r17d, r18d, r19d, r20d, r21d, r22d, r23d,
    r24d, r25d, r26d, r27d, r28d, r29d, r30d, r31d,
) = _general("r32", "eax", "ecx", "edx", "ebx", "esp", "ebp", "esi", "edi", suffix="d")
(
    ax, cx, dx, bx, sp, bp, si, di,
    r8w, r9w, r10w, r11w, r12w, r13w, r14w, r15w,
    r16w, r17w, r18w, r19w, r20w, r21w, r22w, r23w,
    r24w, r25w, r26w, r27w, r28w, r29w, r30w, r31w,
) = _general("r16", "ax", "cx", "dx", "bx", "sp", "bp", "si", "di", suffix="w")
(
    al, cl, dl, bl, spl, bpl, sil, dil,
    r8b, r9b, r10b, r11b, r12b, r13b, r14b, r15b,
    r16b, r17b, r18b, r19b, r20b, r21b, r22b, r23b,
    r24b, r25b, r26b, r27b, r28b, r29b, r30b, r31b,
) = _general("r8", "al", "cl", "dl", "bl", "spl", "bpl", "sil", "dil", suffix="b")
ah, ch, dh, bh = _family("r8h", "ah", "ch", "dh", "bh", first=4)
es, cs, ss, ds, fs, gs = _family("sreg", "es", "cs", "ss", "ds", "fs", "gs")
(rip,) = _family("rip", "rip")
(
    xmm0, xmm1, xmm2, xmm3, xmm4, xmm5, xmm6, xmm7,
    xmm8, xmm9, xmm10, xmm11, xmm12, xmm13, xmm14, xmm15,
    xmm16, xmm17, xmm18, xmm19, xmm20, xmm21, xmm22, xmm23,
    xmm24, xmm25, xmm26, xmm27, xmm28, xmm29, xmm30, xmm31,
) = _numbered("xmm", 32)
(
    ymm0, ymm1, ymm2, ymm3, ymm4, ymm5, ymm6, ymm7,
    ymm8, ymm9, ymm10, ymm11, ymm12, ymm13, ymm14, ymm15,
    ymm16, ymm17, ymm18, ymm19, ymm20, ymm21, ymm22, ymm23,
    ymm24, ymm25, ymm26, ymm27, ymm28, ymm29, ymm30, ymm31,
) = _numbered("ymm", 32)
(
    zmm0, zmm1, zmm2, zmm3, zmm4, zmm5, zmm6, zmm7,
    zmm8, zmm9, zmm10, zmm11, zmm12, zmm13, zmm14, zmm15,
    zmm16, zmm17, zmm18, zmm19, zmm20, zmm21, zmm22, zmm23,
    zmm24, zmm25, zmm26, zmm27, zmm28, zmm29, zmm30, zmm31,
) = _numbered("zmm", 32)
mm0, mm1, mm2, mm3, mm4, mm5, mm6, mm7 = _numbered("mm", 8)
k0, k1, k2, k3, k4, k5, k6, k7 = _numbered("k", 8)
st0, st1, st2, st3, st4, st5, st6, st7 = _numbered("st", 8)
tmm0, tmm1, tmm2, tmm3, tmm4, tmm5, tmm6, tmm7 = _numbered("tmm", 8)
bnd0, bnd1, bnd2, bnd3 = _numbered("bnd", 4)
# fmt: on

REGISTERS: tuple[Register, ...] = tuple(r for r in _BY_NAME.values() if not r.shape.endswith("+"))
HIGH_REGISTERS: tuple[Register, ...] = tuple(
    r for r in _BY_NAME.values() if r.shape.endswith("+")
)  # r16 … r31 in all widths, which need APX


def _whole(register: Register) -> Register:
    match register.kind:
        case "r8" | "r16" | "r32":
            return _BY_KIND["r64", register.number]
        case "r8h":
            return _BY_KIND["r64", register.number - 4]
        case "xmm" | "ymm":
            return _BY_KIND["zmm", register.number]
    return register


_ZEROING = {register: Zeroing(register) for register in (k1, k2, k3, k4, k5, k6, k7)}
_WHOLE = {register: _whole(register) for register in _BY_NAME.values()}

# Address arithmetic makes Memory operands, whose module needs this one: hence at the end.
from x86_64 import operands as _operands  # noqa: E402
