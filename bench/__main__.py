"""python -m bench build|encoder [--quick]: print one table, with the machine it was measured on."""

import platform
import random
from pathlib import Path

import click
import llvmlite.binding as llvm
from rich.console import Console

from bench import build as build_bench
from stencilgen.toolchain.clang import find_clang
from stencilgen.version import VERSION


def machine() -> str:
    """One line that says where the figures come from."""
    model = "unknown processor"
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
            break
    clang = find_clang()
    version = ".".join(map(str, llvm.llvm_version_info))
    return (
        f"{model}, {platform.system()} {platform.release()}, Python {platform.python_version()}, "
        f"Clang {clang.version} ({clang.origin}), LLVM {version}, stencilgen {VERSION}"
    )


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Measure stencilgen. Figures are medians; --quick takes fewer samples of less work, to see that it runs."""


@main.command()
@click.option("--quick", is_flag=True, help="20 stencils, one sample")
@click.option("--jobs", type=int, default=None, help="processes (default: one a core)")
def build(quick: bool, jobs: int | None) -> None:
    """How long building takes: from nothing, one stencil touched, nothing changed."""
    console = Console()
    console.print(machine())
    console.print(build_bench.run(sizes=(20,) if quick else (20, 200, 1000), samples=1 if quick else 3, jobs=jobs))


@main.command()
@click.option("--quick", is_flag=True, help="10 000 random cases instead of a million, fewer samples")
@click.option("--seed", type=int, default=None, help="of the random cases (default: a new one, which is printed)")
def encoder(quick: bool, seed: int | None) -> None:
    """The assembler: cases compared, forms covered, rates beside iced-x86, GNU as and LLVM."""
    from bench import encoder as encoder_bench

    console = Console()
    console.print(machine())
    if encoder_bench.run(console, quick, random.getrandbits(32) if seed is None else seed):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
