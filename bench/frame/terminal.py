"""Results in the terminal, with rich."""

import rich.table
from rich.console import Console
from rich.markup import escape

from bench.frame.report import Report, Table
from bench.frame.text import cell_text, heading

__all__ = ["show"]


def show(console: Console, report: Report) -> None:
    """Print all that a benchmark found; its plots go to files only."""
    for table in report.tables:
        console.print(escape(table.title), style="italic")
        console.print(_table(table))
        for note in table.notes:
            console.print(f"  {escape(note)}", style="dim")
        console.print()
    for note in report.notes:
        console.print(escape(note))
    for missing in report.not_measured:
        console.print(f"not measured: {escape(str(missing))}", style="yellow")
    for difference in report.differences:
        console.print(f"WRONG: {escape(difference)}", style="bold red")


def _table(table: Table) -> rich.table.Table:
    shown = rich.table.Table()
    for number, column in enumerate(table.columns):
        textual = all(isinstance(row[number], str) for row in table.rows)
        shown.add_column(escape(heading(column)), justify="left" if textual else "right")
    for row in table.rows:
        cells = zip(row, table.columns, strict=True)
        shown.add_row(*(escape(cell_text(cell, column)) for cell, column in cells))
    return shown
