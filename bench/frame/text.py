"""Cells as text: one way to write numbers, for the terminal and for Markdown."""

from bench.frame.report import Cell, Column, Spread

__all__ = ["cell_text", "heading"]


def cell_text(cell: Cell, column: Column) -> str:
    """The number in the column's format; a dash for what was not measured."""
    match cell:
        case None:
            return "–"
        case str():
            return cell
        case Spread(count=1):
            return _number(cell.median, column.format)
        case Spread():
            # the deviation with the decimals of the median, so that they can be compared at a glance
            return f"{_number(cell.median, column.format)} ±{_like(cell.deviation, cell.median, column.format)}"
        case _:
            return _number(cell, column.format)


def heading(column: Column) -> str:
    return f"{column.title}, {column.unit}" if column.unit else column.title


def _number(value: int | float, form: str) -> str:
    if form:
        return format(value, form)
    return f"{value:,}" if isinstance(value, int) else f"{value:,.{_decimals(value)}f}"


def _like(value: float, model: float, form: str) -> str:
    return format(value, form) if form else f"{value:,.{_decimals(model)}f}"


def _decimals(value: float) -> int:
    """Enough for three significant digits."""
    size = abs(value)
    if size == 0:
        return 0
    decimals = 0
    while size < 100 and decimals < 9:
        size *= 10
        decimals += 1
    return decimals
