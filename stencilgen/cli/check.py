"""`stencilgen check HEADER`: does a committed header still fit the stencils?

For a build that takes the generated header from its repository and needs no LLVM: somebody has to notice when a stencil
was changed and the header was not.
"""

import re
from pathlib import Path
from typing import TYPE_CHECKING

import click

from stencilgen.cli.common import configured, console, examples
from stencilgen.config import Config
from stencilgen.errors import UserError

if TYPE_CHECKING:
    from stencilgen.pipeline import Build


@click.command(
    short_help="Does a committed header still fit?",
    epilog=examples(
        "stencilgen check generated/jit_stencils.h            exit code 0 if it fits, 2 if not",
        "stencilgen check -c vm/ vm/generated/jit_stencils.h",
    ),
)
@configured()
@click.argument("header", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def command(config: Config, target: str, jobs: int | None, header: Path) -> None:
    """Check that HEADER is what `stencilgen build` would write now."""
    from stencilgen.emit.header import fingerprint_of
    from stencilgen.pipeline import build, fingerprint
    from stencilgen.version import RUNTIME_ABI

    text = header.read_text(errors="replace")
    carried = fingerprint_of(text)
    if carried is None:
        raise UserError("this is not a header that stencilgen generated", remedy="name a jit_stencils.h", file=header)
    remedy = f"stencilgen build -c {config.path} -o {header.parent}"
    abi = re.search(r"SG_ABI == (\d+)", text)
    if abi is None or int(abi[1]) != RUNTIME_ABI:
        version = abi[1] if abi else "?"
        raise UserError(
            f"it is for version {version} of the runtime, here is {RUNTIME_ABI}", remedy=remedy, file=header
        )
    if carried != fingerprint(config):
        result = build(config, target=target, jobs=jobs)
        raise UserError(
            f"it does not fit the stencils any more: {_differences(text, result)}", remedy=remedy, file=header
        )
    console().print(f"{header} fits", markup=False)


def _differences(header: str, result: "Build") -> str:
    """Which emit functions are new, gone or others, in words."""
    before, now = _emitters(header), _emitters(result.header)
    findings = {
        "changed": [name for name in now if name in before and now[name] != before[name]],
        "new": [name for name in now if name not in before],
        "gone": [name for name in before if name not in now],
    }
    words = [
        f"{kind}: {', '.join(names[:8])}{' …' if len(names) > 8 else ''}" for kind, names in findings.items() if names
    ]
    if words:
        return "; ".join(words)
    return (
        "the emit functions are the same, but what surrounds them (the state, the VM's types, stencilgen itself) is not"
    )


def _emitters(header: str) -> dict[str, str]:
    """Each emit function's text, without the comment that names its place in the source."""
    found = {}
    for match in re.finditer(r"^static void emit_(\w+)\(.*?^}", header, re.MULTILINE | re.DOTALL):
        found[match[1]] = match[0]
    return found
