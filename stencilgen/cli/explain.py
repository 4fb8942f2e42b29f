"""`stencilgen explain STENCIL`: one stencil on its way from C to bytes, every stage as text.

The bytes are those that the generated emit function writes: it is compiled, run, and its output disassembled.
"""

import itertools
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.rule import Rule
from rich.syntax import Syntax

from stencilgen.cli.common import configured, console, examples, progress_bar
from stencilgen.config import Config
from stencilgen.errors import UserError

if TYPE_CHECKING:
    from stencilgen.pipeline import BuiltStencil

Operand = int | float


@click.command(
    short_help="Show how one stencil becomes machine code.",
    epilog=examples(
        "stencilgen explain LOAD_FAST                           every stage",
        "stencilgen explain LOAD_FAST --oparg 3 --oparg 300     and the bytes for these operands",
    )
    + "\n\n\b\nAny hole of the stencil may be given, also repeatedly: --NAME VALUE.",
    context_settings={"ignore_unknown_options": True, "allow_extra_args": True},
)
@configured(target=False)
@click.argument("stencil")
@click.pass_context
def command(context: click.Context, config: Config, jobs: int | None, stencil: str) -> None:
    """Show how STENCIL becomes machine code: C, IR, folded IR, assembly, .dasc, C emitter, bytes."""
    from stencilgen.pipeline import build

    operands = _operands(context.args, config)
    with progress_bar() as progress:
        result = build(config, jobs=jobs, only=[stencil], progress=progress)
    built = result.stencils[0]
    unused = [name for name in operands if name not in built.holes]
    if unused:
        holes = f"its holes are {', '.join(built.holes)}" if built.holes else "it has none"
        raise UserError(f"{stencil} has no hole '{unused[0]}'", remedy=holes, file=built.file, line=built.line)

    out = console()
    for title, text, language in _stages(config, built):
        _section(out, title, text, language)
    if built.holes and not operands:
        hint = " ".join(f"--{name} VALUE" for name in built.holes)
        out.print(f"For the bytes, give operands: stencilgen explain {stencil} {hint}", markup=False)
        return

    from stencilgen.embed import VM
    from stencilgen.embed.listing import disassemble
    from stencilgen.pipeline import build_directory

    with progress_bar() as progress:
        vm = VM(result, build_directory(config) / "embed", progress)
    for values in _combinations(built.holes, operands):
        code = vm.compile([vm[stencil](**values)])
        hot, cold = disassemble(code, 0)
        title = f"bytes{': ' if values else ''}{', '.join(f'{name} = {value}' for name, value in values.items())}"
        lines = [f"hot, {sum(len(line.code) for line in hot)} bytes", *(f"  {line}" for line in hot)]
        if cold:
            lines += [f"cold, {sum(len(line.code) for line in cold)} bytes", *(f"  {line}" for line in cold)]
        _section(out, title, "\n".join(lines), "")


def _operands(arguments: Sequence[str], config: Config) -> dict[str, list[Operand]]:
    """`--oparg 3 --oparg=300` → {"oparg": [3, 300]}; numbers as in C, 0x and all.

    Many VMs have a hole called `target`: `--target 7` is its value, `--target x86_64-linux` the build's target.
    """
    from stencilgen.pipeline import TARGETS

    found: dict[str, list[Operand]] = {}
    rest = iter(arguments)
    for argument in rest:
        if not argument.startswith("--"):
            raise click.UsageError(f"unexpected argument '{argument}'")
        name, equals, value = argument[2:].partition("=")
        name = name.replace("-", "_")
        if not equals:
            value = next(rest, "")
        if name == "target" and value in TARGETS:
            continue
        if name not in config.holes:
            holes = ", ".join(f"--{hole}" for hole in config.holes)
            raise click.UsageError(f"no option or hole '--{name}'{f' (the holes are {holes})' if holes else ''}")
        if not value:
            raise click.UsageError(f"--{name} needs a value")
        found.setdefault(name, []).append(_number(name, value))
    return found


def _number(name: str, text: str) -> Operand:
    try:
        return int(text, 0)
    except ValueError:
        try:
            return float(text)
        except ValueError:
            raise click.UsageError(f"--{name}: '{text}' is not a number") from None


def _combinations(holes: Sequence[str], operands: dict[str, list[Operand]]) -> Iterator[dict[str, Operand]]:
    """Every combination of the values given; a hole that was left out is 0, a label hole then the micro-op itself."""
    columns = [operands.get(name, [0]) for name in holes]
    for row in itertools.product(*columns):
        yield dict(zip(holes, row, strict=True))


def _stages(config: Config, built: "BuiltStencil") -> Iterator[tuple[str, str, str]]:
    yield f"C: {built.file}:{built.line}", _source_of(config.directory / built.file, built.line), "c"
    yield "LLVM IR", built.ir, ""
    meaning = "".join(f"; {symbol} = {expression}\n" for symbol, expression in built.expressions.items())
    yield "folded IR: what is known at JIT time is a symbol", meaning + built.folded_ir, ""
    yield "assembly", built.assembly, "gas"
    fired = ", ".join(f"{rule} {count}×" for rule, count in sorted(built.rules.items()) if count)
    if len(built.versions) > 1:
        rows = [f"{v.max_hot:>5} hot {v.max_cold:>5} cold   if {v.condition}" for v in built.versions]
        hot, cold = built.without_versions
        yield "versions: bytes at most", "\n".join([*rows, f"{hot:>5} hot {cold:>5} cold   without versions"]), ""
    yield f".dasc{f' (rules: {fired})' if fired else ''}", built.dasc, "c"
    for part in built.shared.values():
        yield f"shared by micro-ops: at most {part.max_size} bytes, once in a context", part.dasc, "c"
    yield f"C emitter: at most {built.max_hot} bytes hot, {built.max_cold} cold", built.c_source, "c"


def _source_of(path: Path, line: int) -> str:
    """The definition that starts in this line, up to the brace that closes it."""
    if not path.is_file():  # what a #line names need not exist
        return f"{path} is not there"
    lines = path.read_text(errors="replace").splitlines()[max(line - 1, 0) :]
    depth, opened = 0, False
    for number, text in enumerate(lines):
        code = re.sub(r'"(\\.|[^"\\])*"|\'(\\.|[^\'\\])*\'|//.*|/\*.*?\*/', "", text)
        depth += code.count("{") - code.count("}")
        opened |= "{" in code
        if opened and depth <= 0:
            return "\n".join(lines[: number + 1])
    return "\n".join(lines[:20])


def _section(out: Console, title: str, text: str, language: str) -> None:
    """A ruler and the text; coloured on a terminal."""
    if out.is_terminal:
        out.print(Rule(title, align="left"))
        out.print(
            Syntax(text.strip("\n"), language or "text", theme="ansi_dark", background_color="default")
            if language
            else text,
            markup=False,
        )
    else:
        out.print(f"── {title} ".ljust(100, "─"), text.strip("\n"), sep="\n", markup=False)
    out.print()
