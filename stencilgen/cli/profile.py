"""`stencilgen profile`: several profiles of a VM's traces made one."""

from collections import Counter
from pathlib import Path

import click

from stencilgen.cli.common import console, examples, plural
from stencilgen.output import write_files


@click.command(
    short_help="Merge profiles of a VM's traces.",
    epilog=examples(
        "stencilgen profile run1.txt run2.txt -o vm.profile     add up what several runs wrote",
        "stencilgen build --profile vm.profile                  fuse what is frequent in it",
    ),
)
@click.argument("profiles", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--output", "-o", required=True, type=click.Path(dir_okay=False, path_type=Path), help="File to write.")
def command(profiles: tuple[Path, ...], output: Path) -> None:
    """Merge PROFILES, which the runtime wrote (sg_options.profile): equal traces become one, with their weights added."""
    from stencilgen.units.profile import read_profiles, write_profile

    traces = read_profiles(profiles)
    write_files(output.parent, {output.name: write_profile(traces)})
    lengths: Counter[str] = Counter()
    for trace, weight in traces.items():
        lengths.update({op: weight * trace.ops.count(op) for op in set(trace.ops)})
    out = console()
    out.print(f"{plural(len(traces), 'trace')} of {plural(len(lengths), 'different micro-op')}", markup=False)
    for op, count in lengths.most_common(10):
        out.print(f"  {count:>10,} {op}", markup=False)
