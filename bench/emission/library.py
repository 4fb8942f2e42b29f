"""Peers written in C: each a shared library of its own with the functions of peer.h, all loaded into this process.

    direct      the generated header and the runtime
    actionlist  the same stencils through our back end for DynASM's engine
    dynasm      the same through DynASM itself

The last two need DynASM's folder, for the engine.
"""

import ctypes
import hashlib
import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from bench.emission.vms import BUILD, Vm
from dasc import Comments, File, Options, compile_text, parse
from dasc.check import references
from dasc.dynasm import find
from dasc.dynasm.spelling import for_dynasm
from dasc.model import EXIT, InstructionLine, LabelLine, Line, Stencil, is_identifier, versions
from stencilgen import paths
from stencilgen.errors import UserError
from stencilgen.toolchain.cc import find_compiler, link
from x86_64 import Address, Memory, Symbolic

__all__ = ["Code", "Emitted", "Peer", "direct", "extern_names", "through_dynasm", "unwritable"]

HERE = Path(__file__).resolve().parent
FLAGS = ("-O2", "-fPIC", "-shared", "-Wl,-Bsymbolic", "-w")


class Code(ctypes.Structure):
    """A trace's code: addresses and sizes in bytes."""

    _fields_ = [
        ("hot", ctypes.c_void_p),
        ("cold", ctypes.c_void_p),
        ("hot_size", ctypes.c_uint32),
        ("cold_size", ctypes.c_uint32),
    ]


@dataclass(frozen=True, slots=True)
class Sizes:
    """Bytes of machine code and tables that emitting takes: of all micro-ops together, and of what they share."""

    stencils: int
    shared: int


class Peer:
    """A compiled library. `spelt`: instructions that are bytes in it, because DynASM does not know them."""

    def __init__(self, name: str, path: Path, spelt: int = 0) -> None:
        self.name, self.path, self.spelt = name, path, spelt
        self._library = ctypes.CDLL(str(path))
        pointer, number = ctypes.c_void_p, ctypes.c_uint32
        for function, result, arguments in (
            ("peer_begin", ctypes.c_bool, [number, ctypes.c_char_p]),
            ("peer_emit", ctypes.c_bool, [pointer, number, ctypes.POINTER(Code)]),
            ("peer_discard", None, []),
            ("peer_error", ctypes.c_char_p, []),
            ("peer_place", None, [number, ctypes.POINTER(number), ctypes.POINTER(number)]),
            ("peer_part", pointer, [number]),
            ("peer_measure", ctypes.c_double, [pointer, pointer, number, number, ctypes.POINTER(ctypes.c_uint64)]),
        ):
            entry = getattr(self._library, function)
            entry.restype, entry.argtypes = result, arguments

    def begin(self, most: int) -> None:
        """Before traces of up to so many micro-ops."""
        message = ctypes.create_string_buffer(512)
        if not self._library.peer_begin(most, message):
            raise UserError(f"{self.name}: {message.value.decode()}")

    def measure(
        self, instructions: ctypes.Array[ctypes.Structure], lengths: Sequence[int], rounds: int
    ) -> tuple[float, int]:
        """Seconds and bytes of code for all traces, so many times over."""
        self.begin(max(lengths))
        size = ctypes.c_uint64()
        array = (ctypes.c_uint32 * len(lengths))(*lengths)
        nanoseconds: float = self._library.peer_measure(instructions, array, len(lengths), rounds, ctypes.byref(size))
        if nanoseconds < 0:
            raise UserError(f"{self.name}: {self._library.peer_error().decode()}")
        return nanoseconds / 1e9, size.value

    def emit(self, instructions: ctypes.Array[ctypes.Structure]) -> "Emitted":
        """One trace, for looking at."""
        self.begin(len(instructions))
        code = Code()
        if not self._library.peer_emit(instructions, len(instructions), ctypes.byref(code)):
            raise UserError(f"{self.name}: {self._library.peer_error().decode()}")
        hot, cold = ctypes.c_uint32(), ctypes.c_uint32()
        places = []
        for index in range(len(instructions) + 1):
            self._library.peer_place(index, ctypes.byref(hot), ctypes.byref(cold))
            places.append((hot.value, cold.value))
        emitted = Emitted(
            code.hot,
            code.cold,
            ctypes.string_at(code.hot, code.hot_size),
            ctypes.string_at(code.cold, code.cold_size),
            tuple(places),
        )
        self._library.peer_discard()
        return emitted

    def opcodes(self) -> dict[str, int]:
        """The number of each micro-op; `direct` knows."""
        name = self._library.peer_op_name
        name.restype = ctypes.c_char_p
        names = [name(number) for number in range(self._library.peer_op_count())]
        return {name.decode(): number for number, name in enumerate(names) if name is not None}

    def symbol(self, name: str) -> int:
        """The address of a function or object of the VM as it is in this library."""
        address = ctypes.cast(getattr(self._library, name), ctypes.c_void_p).value
        assert address is not None
        return address

    def part(self, index: int) -> int:
        """Where cold code that micro-ops share is; known once it has begun."""
        address: int = self._library.peer_part(index)
        return address

    def sizes(self) -> Sizes | None:
        """From the symbol table; None where there is no `nm`."""
        if shutil.which("nm") is None:
            return None
        listing = subprocess.run(["nm", "-S", str(self.path)], capture_output=True, text=True, check=True).stdout
        stencils = shared = 0
        for line in listing.splitlines():
            match line.split():
                case [_, size, _, symbol] if re.match(r"(emit_|sg_actions$|code\\.\\d+$)", symbol):
                    stencils += int(size, 16)
                case [_, size, kind, symbol] if kind in "tT" and re.match(r"sg_|dasm_", symbol):
                    shared += int(size, 16)
        return Sizes(stencils, shared)


@dataclass(frozen=True, slots=True)
class Emitted:
    """A trace's code. Addresses are those that it runs at; places: where each micro-op begins, and the end, in both."""

    hot_address: int
    cold_address: int
    hot: bytes
    cold: bytes
    places: tuple[tuple[int, int], ...]


# ---- Ours ----


def direct(
    vm: Vm,
    name: str = "direct",
    header: str | None = None,
    include: Sequence[Path] = (),
    runtime: Sequence[Path] | None = None,
) -> Peer:
    """The generated emit functions; or those of another header for the same VM, which needs headers of its own. runtime:
    sources in the place of stencilgen's.
    """
    own = paths.runtime()
    sources = [HERE / "direct.c", HERE / "measure.c", *vm.sources, *(runtime or sorted((own / "src").glob("*.c")))]
    files = {"jit_stencils.h": header or vm.built.header}
    return Peer(name, _compile(vm, re.sub(r"\W+", "-", name), files, sources, [own / "include", *include]))


# ---- DynASM's ----

_DROP_FRAME = "|.macro drop_frame\n|  add rsp, SG_FRAME\n|.endmacro\n"
_DROP_FRAME_IF_ANY = "|.macro drop_frame\n||if (SG_FRAME) {\n|  add rsp, SG_FRAME\n||}\n|.endmacro\n"


def through_dynasm(vm: Vm, backend: Literal["actionlist", "dynasm"], folder: Path | None = None) -> Peer:
    """The same stencils for DynASM's engine, by DynASM or by our back end. Raises `DynasmError` without DynASM."""
    place = find(folder)
    file = parse(vm.built.dasc, "stencils.dasc")
    left_out = unwritable(vm)
    left_out |= {part.name for part in vm.built.shared}  # the embedder has a stand-in
    file = replace(file, stencils=tuple(stencil for stencil in file.stencils if stencil.name not in left_out))
    text, spelt = for_dynasm(file, place)
    if _DROP_FRAME not in text:
        raise UserError("stencils.dasc no longer has the macro drop_frame that the measurement replaces")
    text = text.replace(_DROP_FRAME, "|.externnames extern_names\n" + _DROP_FRAME_IF_ANY)
    text = text.replace("sg_assembler *Dst", "peer_state *Dst") + (HERE / "embedder.dasc").read_text()
    options = Options(comments=Comments(""), line_numbers=False)
    files = {"stencils.inc": compile_text(text, "stencils.dasc", backend, options, place), "table.h": table(vm, file)}
    sources = [HERE / "dynasm.c", HERE / "measure.c", *vm.sources]
    includes = [place, paths.runtime() / "include"]
    return Peer(backend, _compile(vm, backend, files, sources, includes), spelt)


def table(vm: Vm, file: File) -> str:
    """What the embedder has to know of each micro-op, and the addresses that they refer to, as C."""
    prefix = vm.built.config.instruction.names or "SG_OP_{}"
    ends = {stencil.name: stencil.ends for stencil in vm.built.stencils}
    parts = []
    if not vm.built.config.instruction.names:
        # of all, also of those that the file leaves out: an opcode is a position in the generated header's table
        parts.append(f"enum {{ {', '.join(prefix.format(stencil.name) for stencil in vm.built.stencils)} }};")
    opcode = vm.built.config.instruction.opcode
    parts.append(f"static uint32_t opcode_of(const Instruction *instruction) {{ return (uint32_t)({opcode}); }}")
    parts.append("static const peer_op ops[] = {")
    for stencil in file.stencils:
        exits = str(_exits(stencil)).lower()
        row = f"emit_{stencil.name}, {_labels(stencil)}, {stencil.frame}, {exits}, {str(ends[stencil.name]).lower()}"
        parts.append(f"    [{prefix.format(stencil.name)}] = {{{row}}},")
    parts.append("};")
    names = sorted(
        {(address.name, address.addend) for stencil in file.stencils for address in _addresses(stencil)}
        | {("exit_routine", 0)}
    )
    symbols = sorted({name for name, _ in names})
    parts += [f'extern char extern_{name}[] __asm__("{name}");' for name in symbols]
    parts.append("static const peer_extern externs[] = {")
    parts += [f'    {{"{name}{f"{addend:+}" if addend else ""}", &extern_{name}[{addend}]}},' for name, addend in names]
    return "\n".join([*parts, "};", ""])


def unwritable(vm: Vm) -> set[str]:
    """Stencils that DynASM has no way to write, not even as bytes: an address relative to rip beside an immediate."""
    file = parse(vm.built.dasc, "stencils.dasc")
    return {stencil.name for stencil in file.stencils if any(map(_is_unwritable, _instructions(stencil)))}


def _is_unwritable(line: InstructionLine) -> bool:
    operands = line.instruction.operands
    relative = any(isinstance(operand, Memory) and operand.target is not None for operand in operands)
    return relative and any(isinstance(operand, int | Symbolic) for operand in operands)


def extern_names(vm: Vm) -> set[str]:
    """The functions and objects of the VM that its stencils refer to by address."""
    file = parse(vm.built.dasc, "stencils.dasc")
    return {address.name for stencil in file.stencils for address in _addresses(stencil)}


def _lines(stencil: Stencil) -> list[Line]:
    """Of all its versions."""
    return [line for version in versions(stencil) for line in (*version.hot, *version.cold)]


def _instructions(stencil: Stencil) -> list[InstructionLine]:
    return [line for line in _lines(stencil) if isinstance(line, InstructionLine)]


def _addresses(stencil: Stencil) -> list[Address]:
    """Of functions and objects by name."""
    found = [place for line in _instructions(stencil) for place in references(line.instruction)]
    return [place for place in found if isinstance(place, Address) and is_identifier(place.name)]


def _exits(stencil: Stencil) -> bool:
    return any(place == EXIT for line in _instructions(stencil) for place in references(line.instruction))


def _labels(stencil: Stencil) -> int:
    """One more than the largest label's number."""
    return max((int(line.label.name) + 1 for line in _lines(stencil) if isinstance(line, LabelLine)), default=0)


# ---- Compiling ----


def _compile(vm: Vm, peer: str, files: dict[str, str], sources: Sequence[Path], includes: Sequence[Path]) -> Path:
    """The shared library, kept under the hash of all that it is made from."""
    digest = hashlib.sha256("\0".join([vm.name, peer, *FLAGS, *files.values()]).encode())
    for path in [*sources, *HERE.glob("*.h"), *(header for folder in includes for header in folder.rglob("*.h"))]:
        digest.update(path.read_bytes())
    folder = BUILD / "libraries" / f"{vm.name}-{peer}-{digest.hexdigest()[:16]}"
    output = folder / "peer.so"
    if not output.exists():
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            (folder / name).write_text(text)
        searched = [folder, HERE, *vm.includes, *includes]
        options = [*FLAGS, *(option for path in searched for option in ("-I", str(path)))]
        link(find_compiler(), sources, output, [*options, "-lm"], directory=folder)
    return output
