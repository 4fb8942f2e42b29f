"""`code.listing()`: every byte, its instruction, the micro-op that this is for, and names for addresses."""

import re

from stencilgen import VM
from tests.embed.conftest import Machine


def shown_bytes(listing: str, part: str) -> bytes:
    """The bytes that a part of a listing shows."""
    text = re.split(r"^── (\w+): .*$", listing, flags=re.MULTILINE)
    content = text[text.index(part) + 1]
    return bytes.fromhex("".join(re.findall(r"^    [0-9a-f]{4}  ((?:[0-9a-f]{2} )+)", content, re.MULTILINE)))


def test_it_shows_every_byte_once(vm: VM) -> None:
    code = vm.compile(
        [vm.PUSH(number=1), vm.LOAD(slot=40), vm.DIV(), vm.SIN(), vm.JUMP_UNLESS(target=0), vm.SQRT(), vm.END()]
    )
    listing = code.listing()
    assert shown_bytes(listing, "hot") == code.hot_bytes
    assert shown_bytes(listing, "cold") == code.cold_bytes


def test_it_explains(vm: VM) -> None:
    code = vm.compile([vm.LOAD(slot=40), vm.SIN(), vm.DIV(), vm.JUMP_UNLESS(target=0), vm.PUSH(number=2)])
    lines = code.listing().splitlines()
    heads = [line for line in lines if not line.startswith("     ") and not re.match(r"    [0-9a-f]{4}  ", line)]
    assert [re.sub("─+$", "─", re.sub(r"\d+ bytes at 0x[0-9a-f]+", "N bytes", head)) for head in heads] == [
        "── hot: N bytes ─",
        "    entry",
        "  0 LOAD slot=40",
        "  1 SIN",
        "  2 DIV",
        "  3 JUMP_UNLESS target=0",
        "  4 PUSH number=2",
        "    end",
        "── cold: N bytes ─",
        "  2 DIV",
        "    end",  # where its exits go
    ]
    text = code.listing()
    assert re.search(r"movsd xmm0, \[r12\+0x140\]$", text, re.MULTILINE)
    assert re.search(r"call (sin|\[rip[+-]0x[0-9a-f]+\] +; sin)$", text, re.MULTILINE)  # libm may lie too far away
    assert re.search(r"j\w+ cold\+0000$", text, re.MULTILINE)
    assert re.search(r"j\w+ hot\+[0-9a-f]{4} +; 0 LOAD slot=40$", text, re.MULTILINE)
    assert re.search(r"jmp exit +; side exit of micro-op 2$", text, re.MULTILINE)
    assert re.search(r"jmp exit +; the end of the trace$", text, re.MULTILINE)


def test_a_linked_exit_says_so(vm: VM, machine: Machine) -> None:
    code = vm.compile([vm.SQRT(), vm.END()])
    assert "jmp exit " in code.listing()
    code.link(0, vm.compile([vm.END()]))
    assert "jmp linked trace" in code.listing()
    assert "; side exit of micro-op 0" in code.listing()
