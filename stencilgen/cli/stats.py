"""`stencilgen stats`: where the bytes are, biggest first, and which rule earned how many."""

import json
from typing import Any

import click
from rich import box
from rich.console import Console
from rich.table import Table

from stencilgen.cli.common import configured, console, examples, plural, progress_bar
from stencilgen.config import Config


@click.command(
    short_help="Sizes of all stencils, and which rules fired.",
    epilog=examples(
        "stencilgen stats                 a table, biggest stencil first",
        "stencilgen stats --json          what stats.json holds, for scripts",
    ),
)
@configured()
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of tables.")
def command(config: Config, target: str, jobs: int | None, as_json: bool) -> None:
    """Show the size of every stencil and how often each peephole rule fired.

    Sizes are in bytes and the largest that an emit function can write: operands that are small make shorter code.
    Without: the hot bytes if the stencil had one version only, which tests at run time what is known when it is emitted.
    """
    from stencilgen.pipeline import build

    with progress_bar() as progress:
        result = build(config, target=target, jobs=jobs, progress=progress)
    if as_json:
        click.echo(json.dumps(result.stats, indent=2))
        return
    out = console()
    stencils, total = result.stats["stencils"], result.stats["total"]
    sizes = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, show_footer=True)
    sizes.add_column("stencil", plural(total["stencils"], "stencil"))
    sizes.add_column("hot", f"{total['max_hot_bytes']:,}", justify="right")
    sizes.add_column("cold", f"{total['max_cold_bytes']:,}", justify="right")
    sizes.add_column("frame", justify="right")
    sizes.add_column("values", justify="right")
    sizes.add_column("versions", justify="right")
    sizes.add_column("without", justify="right")
    sizes.add_column("where")
    by_size = sorted(
        stencils.items(), key=lambda item: (-item[1]["max_hot_bytes"] - item[1]["max_cold_bytes"], item[0])
    )
    for name, row in by_size:
        numbers = (row["max_hot_bytes"], row["max_cold_bytes"], row["frame_bytes"], row["jit_time_values"])
        versions = len(row["versions"])
        without = row["without_versions"]["max_hot_bytes"] if versions > 1 else 0
        sizes.add_row(name, *map(_number, (*numbers, versions if versions > 1 else 0, without)), row["source"])
    out.print(sizes)
    if "units" in result.stats:
        _print_units(out, result.stats["units"])
    if total["rules"]:
        rules = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
        rules.add_column("rule")
        rules.add_column("fired", justify="right")
        for rule, count in sorted(total["rules"].items(), key=lambda item: (-item[1], item[0])):
            rules.add_row(rule, f"{count:,}")
        out.print()
        out.print(rules)
    gain = total["versions"]
    if gain["versions"]:
        with_versions, without = gain["average"], gain["without"]
        out.print(
            f"\n{plural(gain['stencils'], 'stencil')} with {plural(gain['versions'], 'version')}: "
            f"{with_versions['max_hot_bytes']:,} bytes hot, {with_versions['max_cold_bytes']:,} cold (average of the versions); "
            f"without versions {without['max_hot_bytes']:,} and {without['max_cold_bytes']:,}"
        )
    if len(result.stats["cpus"]) > 1:
        cpus = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
        for title in ("built for", "stencils of its own", "hot", "cold"):
            cpus.add_column(title, justify="left" if title == "built for" else "right")
        for name, row in result.stats["cpus"].items():
            cpus.add_row(name, *(f"{number:,}" for number in row.values()))
        out.print()
        out.print(cpus)
    shared = f"shared cold code: {total['shared_bytes']:,} bytes in {plural(total['shared_parts'], 'part')}"
    out.print(f"\nconstants: {total['constant_bytes']:,} bytes; {shared}")


def _number(value: int) -> str:
    return f"{value:,}" if value else "·"


def _print_units(out: Console, units: dict[str, Any]) -> None:
    """What stack caching made of each stencil: NAME__IN_OUT finds IN entries in registers and leaves OUT there."""
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    table.add_column("stencil")
    table.add_column("variants", justify="right")
    table.add_column("kept, or why the stack stays in memory: the stencil ...")
    for name, row in sorted(units["stencils"].items()):
        if "memory_form" in row:
            table.add_row(name, "", row["memory_form"])
        else:
            table.add_row(name, str(row["variants"]), " ".join(row["kept"]))
    if units["stencils"]:
        out.print(table)
