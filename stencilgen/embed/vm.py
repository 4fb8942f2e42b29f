"""A VM in Python: its stencils as callables, traces compiled from them, and what running one returns."""

import contextlib
import ctypes
import difflib
import struct
import weakref
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from stencilgen.config import Config, load_config
from stencilgen.embed.library import ExitInfo, Extent, Info, Number, SgError, load_library, shared_library, symbol_at
from stencilgen.embed.source import embedding_source, explain_rejection
from stencilgen.emit.header import StateParameter
from stencilgen.errors import UserError
from stencilgen.pipeline import Build, BuiltStencil, build, build_directory

__all__ = ["VM", "Code", "Exit", "MicroOp", "Stencil", "VMError", "load"]

Progress = Callable[[str, int, int], None]

_POINTERS: tuple[Any, ...] = (
    ctypes._Pointer,
    ctypes.CFUNCTYPE(None).__mro__[1],  # functions of every library and type
    type(ctypes.byref(ctypes.c_int())),
    ctypes.c_void_p,
    ctypes.c_char_p,
)
"""What ctypes has for a pointer in C."""


class VMError(UserError):
    """A trace that cannot be compiled, or arguments that do not fit the VM; says which and why."""


@dataclass(frozen=True, slots=True)
class MicroOp:
    """One instruction of a trace: a stencil's name and a value for each of its holes."""

    name: str
    operands: Mapping[str, Any]

    def __str__(self) -> str:
        return " ".join([self.name, *(f"{name}={_show(value)}" for name, value in self.operands.items())])


@dataclass(frozen=True, slots=True)
class Stencil:
    """`vm.LOAD_FAST`: called with a value for each hole, it gives a micro-op."""

    name: str
    holes: tuple[str, ...]
    source: str

    def __call__(self, **operands: Any) -> MicroOp:
        for name in operands:
            if name not in self.holes:
                known = f"its holes are {', '.join(self.holes)}" if self.holes else "it has no holes"
                raise VMError(f"{self.name} has no hole '{name}'", remedy=known)
        if missing := [name for name in self.holes if name not in operands]:
            example = ", ".join(f"{name}=…" for name in self.holes)
            raise VMError(f"{self.name} needs a value for {', '.join(missing)}", remedy=f"vm.{self.name}({example})")
        return MicroOp(self.name, {name: operands[name] for name in self.holes})


@dataclass(frozen=True, slots=True)
class Exit:
    """How a trace was left.

    returned: a micro-op returned `value` (64 bits, unsigned; `signed` and `double` read it otherwise).
    Else it was a side exit: of micro-op `index` of `code`, with this `state`. By links, `code` may be another trace
    than the one entered; `index` is its length when it ran off its end.
    """

    returned: bool
    value: int
    index: int
    state: Mapping[str, int | float]
    code: "Code | None"

    @property
    def signed(self) -> int:
        """The value as a signed 64-bit integer."""
        return self.value - (1 << 64) if self.value >> 63 else self.value

    @property
    def double(self) -> float:
        """The value's bits as a double."""
        return float(struct.unpack("<d", struct.pack("<Q", self.value))[0])


class VM:
    """The stencils of one configuration, compiled into this process, and a context that holds the traces.

    Each stencil is an attribute: `vm.LOAD_FAST(oparg=0)`; `vm["compile"]` reaches one whose name is a method's.
    `library` is the VM's C code as a ctypes.CDLL.
    """

    def __init__(self, result: Build, directory: Path, progress: Progress = lambda stage, done, total: None) -> None:
        config = result.config
        names = [stencil.name for stencil in result.stencils]
        lines = _lines(config)
        self.build = result
        self.state: tuple[StateParameter, ...] = result.state
        self.stencils: Mapping[str, Stencil] = {s.name: _stencil(s) for s in result.stencils}
        source = embedding_source(config, names, self.state, lines)
        try:
            path = shared_library(config, result.header, source, directory, progress)
        except UserError as error:
            raise explain_rejection(error, config, lines) from None
        setters = ["sg_embed_set_opcode", *(f"sg_embed_set_hole_{name}" for name in config.holes)]
        self.library = load_library(path, setters)
        self._holes = config.holes
        opcodes = (ctypes.c_uint32 * len(names)).in_dll(self.library, "sg_embed_opcodes")
        self._opcodes = dict(zip(names, opcodes, strict=True))
        self._widths = tuple((ctypes.c_int8 * len(self.state)).in_dll(self.library, "sg_embed_state"))
        self._instruction_size = ctypes.c_size_t.in_dll(self.library, "sg_embed_instruction_size").value
        self._codes: weakref.WeakValueDictionary[int, Code] = weakref.WeakValueDictionary()
        self._context = _Context(self.library, self._call("sg_embed_new"))

    def __getattr__(self, name: str) -> Stencil:
        try:
            return self[name]
        except VMError as error:
            raise AttributeError(str(error)) from None

    def __getitem__(self, name: str) -> Stencil:
        stencils = self.__dict__.get("stencils", {})
        if name not in stencils:
            near = difflib.get_close_matches(name, stencils, 3)
            remedy = f"did you mean {' or '.join(near)}?" if near else ""
            raise VMError(f"there is no stencil '{name}'", remedy=remedy)
        stencil: Stencil = stencils[name]
        return stencil

    def __dir__(self) -> list[str]:
        return sorted([*super().__dir__(), *self.stencils])

    def compile(self, trace: Iterable[MicroOp]) -> "Code":
        """Compile a trace. A label's value is a micro-op's position in it. VMError names the micro-op that is wrong."""
        ops = tuple(trace)
        memory = ctypes.create_string_buffer(max(len(ops), 1) * self._instruction_size)
        for index, op in enumerate(ops):
            if not isinstance(op, MicroOp):
                what = f"element {index} of the trace is {op!r}, not a micro-op"
                if isinstance(op, Stencil):
                    raise VMError(what, remedy=f"call it: vm.{op.name}()")
                raise VMError(what, remedy="make micro-ops by calling the VM's stencils")
            self._fill(ctypes.addressof(memory) + index * self._instruction_size, index, op)
        pointer = self._call("sg_compile_trace", self._context.jit, ctypes.addressof(memory), len(ops))
        code = Code(self, ops, pointer)
        self._codes[pointer] = code
        return code

    def symbol(self, address: int) -> str:
        """The C function or object at this address; empty when it has no name.

        Names that the stencils use come first: `pow` has aliases.
        """
        return self._symbols.get(address) or symbol_at(address)

    @cached_property
    def _symbols(self) -> dict[int, str]:
        found = {}
        for name in sorted(frozenset().union(*(stencil.externs for stencil in self.build.stencils))):
            with contextlib.suppress(AttributeError):  # what the library does not export
                found[ctypes.cast(getattr(self.library, name), ctypes.c_void_p).value or 0] = name
        for index, part in enumerate(self.build.shared):
            found[self.library.sg_jit_part(self._context.jit, index)] = part.name
        return found

    def _fill(self, address: int, index: int, op: MicroOp) -> None:
        self.library.sg_embed_set_opcode(address, Number(bits=self._opcodes[self[op.name].name]))
        for name, value in op.operands.items():
            number = _number(value)
            place = self._holes[name].value
            if number is None:
                raise VMError(
                    f"micro-op {index} ({op.name}): {name} is {value!r}, neither a 64-bit number nor an object of C's",
                    remedy="give an int, a float, or a ctypes pointer, array, structure or function",
                )
            if not getattr(self.library, f"sg_embed_set_hole_{name}")(address, number):
                raise VMError(
                    f"micro-op {index} ({op.name}): {name} = {_show(value)} does not fit into '{place}'",
                    remedy="give a value of its type's range, or widen the type in the VM's instruction",
                )

    def _call(self, function: str, *arguments: Any) -> Any:
        """Call a function of the runtime that takes an sg_error last and returns something false when it fails."""
        error = SgError()
        result = getattr(self.library, function)(*arguments, error)
        if not result:
            raise VMError(error.text.decode(errors="replace"))
        return result


class _Context:
    """An sg_jit, destroyed after the last of its traces is freed.

    Python may drop a VM and its traces together, in any order; but what is registered to free a trace holds on to this.
    """

    def __init__(self, library: ctypes.CDLL, jit: int) -> None:
        self.jit = jit
        self._library = library
        weakref.finalize(self, library.sg_jit_destroy, jit)

    def free(self, code: int) -> None:
        self._library.sg_free(code)


class Code:
    """A compiled trace; call it with the VM's state. Its memory is given back when nothing refers to it any more."""

    def __init__(self, vm: VM, trace: tuple[MicroOp, ...], pointer: int) -> None:
        self.vm = vm
        self.trace = trace
        self._pointer = pointer
        self._links: dict[int, Code] = {}
        weakref.finalize(self, vm._context.free, pointer)

    def __call__(self, *arguments: Any, **named: Any) -> Exit:
        """Run the trace with this state, in the order of STENCIL_STATE or by name.

        Values are ints, floats, and ctypes pointers, arrays and structures (for pointers to them).
        """
        state = self.vm.state
        values = _bind(state, arguments, named)
        slots = (ctypes.c_uint64 * max(len(state), 1))(*map(_to_slot, state, self.vm._widths, values))
        outcome = self.vm.library.sg_enter_code(self.vm._context.jit, self._pointer, ctypes.addressof(slots))
        if outcome.kind == 0:
            return Exit(True, outcome.value, 0, {}, None)
        after = {
            p.name: _from_slot(p, width, slot) for p, width, slot in zip(state, self.vm._widths, slots, strict=False)
        }
        return Exit(False, 0, outcome.index, after, self.vm._codes[outcome.code])

    def link(self, index: int, to: "Code") -> None:
        """Let the side exit of micro-op `index` (the trace's length: its end) go straight to another trace."""
        self.vm._call("sg_link", self._pointer, index, to._pointer)
        self._links[index] = to

    def unlink(self, index: int) -> None:
        """Let the exit leave the trace again."""
        self.vm._call("sg_unlink", self._pointer, index)
        self._links.pop(index, None)

    def listing(self) -> str:
        """The trace's machine code, explained: addresses, bytes, instructions, the micro-op they belong to, names."""
        from stencilgen.embed.listing import listing

        return listing(self)

    @cached_property
    def info(self) -> Info:
        """Addresses and sizes in bytes, the frame, the number of exits."""
        info: Info = self.vm.library.sg_code_info(self._pointer)
        return info

    def extent(self, index: int) -> Extent:
        """Where micro-op `index` lies; `index` == the trace's length: what follows the last one."""
        if not 0 <= index <= len(self.trace):
            raise VMError(f"micro-op {index} is outside of the trace of {len(self.trace)}")
        extent: Extent = self.vm.library.sg_code_extent(self._pointer, index)
        return extent

    def exits(self) -> list[ExitInfo]:
        """All ways out but returning, in the order of the micro-ops."""
        function = self.vm.library.sg_code_exit
        return [function(self._pointer, ordinal) for ordinal in range(self.info.exit_count)]

    @property
    def hot_bytes(self) -> bytes:
        """The hot part as it is in memory."""
        return ctypes.string_at(self.info.hot, self.info.hot_size)

    @property
    def cold_bytes(self) -> bytes:
        """The cold part as it is in memory: exits that are linked differ."""
        return ctypes.string_at(self.info.cold, self.info.cold_size)

    def __repr__(self) -> str:
        return f"<Code of {len(self.trace)} micro-ops, {self.info.hot_size} + {self.info.cold_size} bytes>"


def load(
    path: Path | str = "stencilgen.toml",
    *,
    target: str = "x86_64-linux",
    jobs: int | None = None,
    verify: bool = False,
    progress: Progress = lambda stage, done, total: None,
) -> VM:
    """Build a VM from its stencilgen.toml (a file, or the folder it lies in) and load it into this process.

    Built once: the next call, in this process or another, finds everything in the build folder unless a source changed.
    verify: test the facts that are known along a trace where code would trust them, and end the process at a false one.
    UserError for everything wrong with the configuration, the stencils or the machine's set-up.
    """
    config = load_config(Path(path))
    directory = build_directory(config, target) / "verify" if verify else build_directory(config, target)
    result = build(config, target=target, jobs=jobs, directory=directory, verify=verify, progress=progress)
    return VM(result, directory / "embed", progress)


def _lines(config: Config) -> dict[str, int]:
    """Where in stencilgen.toml each hole is described, and under "" the instruction's opcode."""
    return {"": config.line("instruction", "opcode"), **{name: config.line("holes", name) for name in config.holes}}


def _stencil(stencil: BuiltStencil) -> Stencil:
    return Stencil(stencil.name, tuple(stencil.holes), f"{stencil.file}:{stencil.line}")


def _show(value: Any) -> str:
    address = None if isinstance(value, int | float) else _address(value)
    return repr(value) if address is None else f"{address:#x}"


def _number(value: Any) -> Number | None:
    """What goes into an instruction's field; None for what C has no idea of."""
    if isinstance(value, ctypes._SimpleCData) and isinstance(value.value, int | float):
        value = value.value
    match value:
        case float():
            return Number(real=value, is_real=1)
        case int() if -(2**63) <= value < 2**64:
            return Number(bits=value & 2**64 - 1, real=float(value))
        case int():
            return None
    address = _address(value)
    return None if address is None else Number(bits=address, is_real=0)


def _address(value: Any) -> int | None:
    """The address that a ctypes object stands for: a pointer's value, an array's or structure's place; None is NULL."""
    if value is None:
        return 0
    if isinstance(value, ctypes.Array | ctypes.Structure | ctypes.Union):
        return ctypes.addressof(value)
    if isinstance(value, _POINTERS):
        return ctypes.cast(value, ctypes.c_void_p).value or 0
    return None


def _bind(state: tuple[StateParameter, ...], arguments: tuple[Any, ...], named: Mapping[str, Any]) -> list[Any]:
    """The arguments in the order of the state, like a call of a Python function."""
    names = [parameter.name for parameter in state]
    signature = f"({', '.join(f'{p.type} {p.name}' for p in state)})"
    if len(arguments) > len(names):
        raise VMError(f"{len(arguments)} arguments for a state of {len(names)}", remedy=f"the state is {signature}")
    values = dict(zip(names, arguments, strict=False))
    for name, value in named.items():
        if name not in names or name in values:
            raise VMError(
                f"the state has no '{name}'" if name not in names else f"'{name}' is given twice",
                remedy=f"the state is {signature}",
            )
        values[name] = value
    if missing := [name for name in names if name not in values]:
        raise VMError(f"the state needs {', '.join(missing)}", remedy=f"the state is {signature}")
    return [values[name] for name in names]


def _to_slot(parameter: StateParameter, width: int, value: Any) -> int:
    """`width`: the parameter's bytes, negative if it is a signed integer."""
    number = _number(value)
    if number is None or (number.is_real and parameter.kind == "i"):
        raise VMError(f"{value!r} is no value for the state's '{parameter.type} {parameter.name}'")
    match parameter.kind:
        case "i":
            bits = int(number.bits)
            slot = _resize(bits, width) % (1 << 64)
            if slot != bits and bits >> 8 * abs(width):
                raise VMError(f"{_show(value)} does not fit into the state's '{parameter.type} {parameter.name}'")
            return slot
        case "d":
            return int(struct.unpack("<Q", struct.pack("<d", number.real))[0])
        case _:
            return int(ctypes.c_uint32.from_buffer(ctypes.c_float(number.real)).value)


def _from_slot(parameter: StateParameter, width: int, slot: int) -> int | float:
    match parameter.kind:
        case "i":
            return _resize(slot, width)
        case "d":
            return float(struct.unpack("<d", struct.pack("<Q", slot))[0])
        case _:
            return float(struct.unpack("<f", struct.pack("<I", slot & 0xFFFFFFFF))[0])


def _resize(slot: int, width: int) -> int:
    """The number in a register's low `width` bytes; above them it may hold anything."""
    bits = 8 * abs(width)
    value = slot & (1 << bits) - 1
    return value - (1 << bits) if width < 0 and value >> bits - 1 else value
