"""How many bytes of a stencil by copy-and-patch are hot, by the very marks that decide it for stencilgen.

The compiler is asked where the border runs: its IR gets stencilgen's marks (`llvm_passes.cold`), and LLVM separates what they
make cold. Both parts are then assembled next to each other, hot first, so that jumps between them are as short as they
are in the stencil that is really copied; the hot part's length is what is compared.
"""

import itertools
import re
import tempfile
from collections.abc import Mapping
from pathlib import Path

from bench.baseline.assembly import CONTINUE, tidy
from bench.baseline.compile import TARGET, assemble, compiler_flags, functions, run
from bench.baseline.flavours import Flavour
from bench.baseline.objects import section_contents, symbol_values
from llvm_passes.cold import mark
from stencilgen.config import Config
from stencilgen.toolchain.clang import Clang, find_clang, state_names

__all__ = ["hot_bytes", "hot_code"]

_SPLIT = (
    "-enable-split-machine-functions",
    "-disable-branch-fold",  # conditional tail calls lose their weights
    "-branch-fold-placement=false",
)
_END = "sg_hot_end_"


def hot_bytes(config: Config, flavour: Flavour) -> dict[str, int]:
    """For each stencil the bytes of its hot blocks."""
    clang = find_clang()
    found: dict[str, bytes] = {}
    for source in config.sources:
        names = state_names(config, clang, source)
        flags = compiler_flags(config, clang, flavour, names)
        text = run([*flags, "-S", "-emit-llvm", "-o", "-", str(source)], clang, config.directory)
        found |= hot_code(text, flavour, clang)
    return {name: len(code) for name, code in found.items()}


def hot_code(text: str, flavour: Flavour, clang: Clang) -> dict[str, bytes]:
    """For each function of a module of LLVM IR the code of its hot blocks, with nothing patched in."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "marked.ll").write_text(mark(text))
        options = [flag for option in _SPLIT for flag in ("-mllvm", option)]
        command = [*TARGET, *flavour.flags, *options, "-x", "ir", "-S", "-o", "-", "marked.ll"]
        bodies = functions(run(command, clang, Path(folder)))
    lines = [line for name, body in bodies.items() for line in _beside_each_other(name, body)]
    file = assemble("\n".join(lines) + "\n", clang)
    values, contents = symbol_values(file), section_contents(file)
    return {name: contents[f".text.{name}"][values[name] : values[f"{_END}{name}"]] for name in bodies}


def _beside_each_other(name: str, body: list[str]) -> list[str]:
    """The function's hot part, the label that says how long it is, and its cold part."""
    lines = [line for line in map(_plain, body) if line]
    cold = next((i for i, line in enumerate(lines) if line == f"{name}.cold:"), len(lines))
    jumps = {
        label[:-1]: jump[5:]
        for label, jump in itertools.pairwise(lines[cold:])
        if label.endswith(":") and jump.startswith("\tjmp\t")
    }
    hot, _ = tidy(name, [_threaded(line, jumps) for line in lines[:cold]])
    after = [line.replace(CONTINUE, f".Lsg_next_{name}") for line in lines[cold:]]
    return [f'\t.section\t.text.{name},"ax",@progbits', *hot, f"{_END}{name}:", *after]


def _plain(line: str) -> str:
    """Without comments and directives, and with symbols for data that lies elsewhere."""
    text = re.sub(r"\s*#.*$", "", line)
    return "" if text.startswith("\t.") else re.sub(r"\.L(?!BB)(?=[\w.$]+)", "sg_data_", text)


def _threaded(line: str, jumps: Mapping[str, str]) -> str:
    """A jump to a jump goes where that one goes, as it does in the real stencil."""
    mnemonic, _, target = line[1:].partition("\t")
    return f"\t{mnemonic}\t{jumps[target]}" if mnemonic[:1] == "j" and target in jumps else line
