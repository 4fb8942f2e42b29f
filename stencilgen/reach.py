"""Addresses and wide constants in the form that costs least, where that is known only at emit time.

    mov rcx, W; movq xmm0, rcx      →    movsd xmm0, [literal W]          the literal lies beside the code
    mov rax, W; call rax            →    call W                           near: E8; far: through a slot
    mov rax, W; inc dword [rax]     →    inc dword [W]                    where W is in reach: a version of its own
    cmp dword [vm_flags], 0         →    mov r10, &vm_flags               where vm_flags is out of reach:
                                         cmp dword [r10], 0               a version of its own

LLVM must not know where such things lie, since it takes for granted that distinct symbols do not overlap. So this is done
on instructions, with what liveness says about registers.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from stencilgen.layout.code import Block, Code
from stencilgen.layout.liveness import Liveness, Usage, parts
from x86_64 import REGISTERS, Address, Instruction, Memory, Operand, Register, Symbolic

__all__ = ["far_version", "near_version", "use_directly", "variables"]

_GENERAL = {register.name: register for register in REGISTERS if register.kind == "r64"}
_SPARE = tuple(_GENERAL[name] for name in ("r10", "rbx", "rax", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r11"))
"""Registers to hold an address; the first two are never machine state."""


# ---- Wide constants ----


def use_directly(code: Code) -> Code:
    """The code with wide constants taken from memory, or called, without a register of their own."""
    if not any(map(_is_wide_load, _instructions(code))):
        return code
    live = Liveness(code)
    blocks = tuple(_direct(block, live.usages[block.name], live.live_after(block.name)) for block in code.blocks)
    return replace(code, blocks=blocks)


def _instructions(code: Code) -> Iterator[Instruction]:
    for block in code.blocks:
        yield from block.instructions


def _is_wide_load(instruction: Instruction) -> bool:
    match instruction.mnemonic, instruction.operands:
        case "MOV", (Register(kind="r64"), Symbolic(symbol=symbol)):
            return symbol.low < -(1 << 31) or symbol.high >= 1 << 32
    return False


def _direct(block: Block, usages: Sequence[Usage], live_after: Sequence[int]) -> Block:
    instructions: list[Instruction | None] = list(block.instructions)
    for index, load in enumerate(block.instructions):
        if not _is_wide_load(load):
            continue
        register, value = load.operands
        assert isinstance(register, Register) and isinstance(value, Symbolic)
        held = parts(register)
        user = next((i for i in range(index + 1, len(usages)) if (usages[i].reads | usages[i].changes) & held), None)
        if user is None or live_after[user] & held:
            continue
        if (new := _directly(block.instructions[user], register, value)) is not None:
            instructions[index], instructions[user] = None, new
    return replace(block, instructions=tuple(instruction for instruction in instructions if instruction is not None))


def _directly(user: Instruction, register: Register, value: Symbolic) -> Instruction | None:
    """The only user of a register that holds a constant, without that register; None for any other user."""
    text = f"{value.symbol.name}{value.addend:+}" if value.addend else value.symbol.name
    match user.mnemonic, user.operands:
        case ("MOVQ" | "VMOVQ") as move, (Register(kind="xmm") as vector, source) if source == register:
            literal = Memory(target=Address(f"SG_LITERAL({text})"), size=8)
            return Instruction(move.replace("MOVQ", "MOVSD"), (vector, literal))
        case "CALL", (target,) if target == register:
            return Instruction("CALL", (Address(f"SG_AT({text})"),))
    return None


# ---- Pointers in reach ----


def near_version(code: Code) -> tuple[Code, tuple[str, ...]]:
    """The code for pointers in reach, where that spares the register, and the names of these values."""
    loads = [instruction for instruction in _instructions(code) if _is_wide_load(instruction)]
    if not loads:
        return code, ()
    live = Liveness(code)
    blocks, near = [], dict[str, None]()
    for block in code.blocks:
        instructions: list[Instruction | None] = list(block.instructions)
        for index, load in enumerate(block.instructions):
            if not _is_wide_load(load):
                continue
            users = _users_of_pointer(block, live.usages[block.name], live.live_after(block.name), index)
            register, value = load.operands
            assert isinstance(register, Register) and isinstance(value, Symbolic)
            if users and value.addend == 0:
                near[value.symbol.name] = None
                instructions[index] = None
                for user in users:
                    instructions[user] = _relative(block.instructions[user], register, value.symbol.name)
        kept = tuple(instruction for instruction in instructions if instruction is not None)
        blocks.append(replace(block, instructions=kept))
    return replace(code, blocks=tuple(blocks)), tuple(near)


_LARGEST_ADDEND = 1 << 19
"""Bytes; `sg_reaches` leaves room for more."""

_WORTH = 2
"""Uses: `lea` takes 7 bytes, and spares each use 3 or 4."""


def _users_of_pointer(block: Block, usages: Sequence[Usage], live_after: Sequence[int], load: int) -> list[int] | None:
    """The instructions that access memory through the register loaded at `load`, if nothing else uses it and they are few."""
    register = block.instructions[load].operands[0]
    assert isinstance(register, Register)
    held, users = parts(register), list[int]()
    for index in range(load + 1, len(usages)):
        if usages[index].reads & held:
            if not _is_base_only(block.instructions[index], register):
                return None
            users.append(index)
        if not live_after[index] & held:
            return users if len(users) <= _WORTH else None
        if usages[index].changes & held and usages[index].straight:
            return None
    return None


def _is_base_only(instruction: Instruction, register: Register) -> bool:
    held, found = parts(register), 0
    for operand in instruction.operands:
        match operand:
            case Memory(base=base, index=None, displacement=int() as addend, segment=None, target=None) if (
                base == register and abs(addend) < _LARGEST_ADDEND
            ):
                found += 1
            case Memory(base=base, index=index):
                if any(part is not None and parts(part) & held for part in (base, index)):
                    return False
            case Register() if parts(operand) & held and operand != instruction.operands[0]:
                return False
    first = instruction.operands[0] if instruction.operands else None
    overwritten = isinstance(first, Register) and parts(first) & held
    return found == 1 and (not overwritten or instruction.mnemonic in ("MOV", "MOVZX", "MOVSX", "MOVSXD"))


def _relative(instruction: Instruction, register: Register, name: str) -> Instruction:
    def operand(old: Operand) -> Operand:
        if isinstance(old, Memory) and old.base == register:
            assert isinstance(old.displacement, int)
            return replace(old, base=None, displacement=0, target=Address(f"SG_AT({name})", old.displacement))
        return old

    return replace(instruction, operands=tuple(map(operand, instruction.operands)))


# ---- Variables out of reach ----


def variables(code: Code) -> frozenset[str]:
    """The VM's variables that the code accesses relative to rip."""
    return frozenset(
        place.name for instruction in _instructions(code) for place in _places(instruction) if _is_variable(place)
    )


def _places(instruction: Instruction) -> Iterator[Address]:
    if instruction.mnemonic != "LEA":  # a lea becomes whatever loads the address
        for operand in instruction.operands:
            if isinstance(operand, Memory) and isinstance(operand.target, Address):
                yield operand.target


def _is_variable(place: Address) -> bool:
    return not place.name.startswith("SG_")


def far_version(code: Code) -> Code | None:
    """The code with every such access through a register; None where no register is free."""
    live = Liveness(code)
    blocks = []
    for block in code.blocks:
        instructions: list[Instruction] = []
        for instruction, usage, after in zip(
            block.instructions, live.usages[block.name], live.live_after(block.name), strict=True
        ):
            far = _through_register(instruction, usage, after)
            if far is None:
                return None
            instructions += far
        blocks.append(replace(block, instructions=tuple(instructions)))
    return replace(code, blocks=tuple(blocks))


def _through_register(instruction: Instruction, usage: Usage, live_after: int) -> tuple[Instruction, ...] | None:
    place = next((place for place in _places(instruction) if _is_variable(place)), None)
    if place is None:
        return (instruction,)
    taken = live_after & ~usage.overwrites | usage.reads | (0 if not usage.straight else usage.changes)
    register = next((register for register in _SPARE if not parts(register) & taken), None)
    if register is None:
        return None
    operands = tuple(
        replace(operand, target=None, base=register)
        if isinstance(operand, Memory) and operand.target == place
        else operand
        for operand in instruction.operands
    )
    return Instruction("MOV", (register, place)), replace(instruction, operands=operands)
