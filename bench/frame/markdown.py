"""Results as a Markdown report: above each table the command, the machine and the versions that it was made with."""

from collections.abc import Sequence

from bench.frame.report import Column, Plot, Table
from bench.frame.results import Measured, Results
from bench.frame.text import cell_text, heading

__all__ = ["render"]


def render(results: Results, plots: str) -> str:
    """The whole report; pictures are looked for in the folder `plots`, beside it."""
    parts = ["# Measurements", f"`{results.command}`, {results.date}. Every table says how to make it again."]
    parts += [_INTRODUCTION, _times(results)]
    for measured in results.measured:
        parts += _section(measured, plots)
    return "\n\n".join(parts) + "\n"


_INTRODUCTION = (
    "Figures are medians over interleaved rounds, ± their median absolute deviation. Programs' times are processor "
    "time (user and system); builds' are wall time. A dash is something that was not measured: the list below the "
    "tables says why."
)


def _times(results: Results) -> str:
    """How long each part took: where the time of a run goes."""
    columns = (Column("part"), Column("took"), Column("result"))
    rows = tuple((one.name, one.took, "wrong, see below" if one.report.differences else "") for one in results.measured)
    return _table(Table("", columns, rows))


def _section(measured: Measured, plots: str) -> list[str]:
    report = measured.report
    parts = [f"## {measured.name}", measured.line]
    for table in report.tables:
        parts += [f"### {table.title}", _origin(measured), _table(table)]
        parts += [_list(table.notes)] if table.notes else []
    parts += [_picture(plot, plots) for plot in report.plots]
    parts += [_list(report.notes)] if report.notes else []
    if report.not_measured:
        parts += ["Not measured:", _list([str(missing) for missing in report.not_measured])]
    if report.differences:
        parts += ["**Wrong results:**", _list(report.differences)]
    return parts


def _origin(measured: Measured) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in measured.versions.items())
    return f"    $ {measured.command}\n    {measured.machine}, load {measured.load}\n    {versions}"


def _table(table: Table) -> str:
    lines = [_row([heading(column) for column in table.columns])]
    textual = [all(isinstance(row[i], str) for row in table.rows) for i in range(len(table.columns))]
    lines.append(_row(["---" if text else "--:" for text in textual]))
    for row in table.rows:
        lines.append(_row([cell_text(cell, column) for cell, column in zip(row, table.columns, strict=True)]))
    return "\n".join(lines)


def _row(cells: Sequence[str]) -> str:
    escaped = [cell.replace("|", "\\|") for cell in cells]
    return f"| {' | '.join(escaped)} |"


def _picture(plot: Plot, plots: str) -> str:
    return f"![{plot.title}]({plots}/{plot.name}.svg)"


def _list(lines: Sequence[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)
