"""Pictures, drawn with matplotlib: SVG files that come out the same from the same data."""

from pathlib import Path
from typing import Any

from bench.frame.report import Plot
from stencilgen.errors import UserError

__all__ = ["draw"]

_COLOURS = ("#2a6f97", "#e07a1f", "#6a994e", "#8d5a97", "#bc4749", "#7f7f7f", "#00a6a6", "#c9a227", "#3d405b")


def draw(plot: Plot, folder: Path) -> Path:
    """Write folder/NAME.svg."""
    try:
        import matplotlib
    except ImportError as error:
        raise UserError("plots need matplotlib", remedy="pip install '.[bench]'") from error
    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = plot.name  # identifiers inside the file are otherwise random
    matplotlib.rcParams["svg.fonttype"] = "none"  # text stays text
    import matplotlib.pyplot as pyplot

    figure, axes = pyplot.subplots(figsize=(9, 4.2), layout="constrained")
    {"bars": _bars, "lines": _lines}[plot.kind](axes, plot)
    axes.set_title(plot.title)
    axes.set_xlabel(plot.x)
    axes.set_ylabel(plot.y)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", alpha=0.3)
    if "y" in plot.logarithmic:
        axes.set_yscale("log")
        axes.yaxis.set_major_formatter("{x:g}")
    if "x" in plot.logarithmic:
        axes.set_xscale("log")
    if plot.reference is not None:
        axes.axhline(plot.reference, color="black", linewidth=1, linestyle="--")
    figure.legend(loc="outside lower center", frameon=False, fontsize="small", ncols=5)
    path = folder / f"{plot.name}.svg"
    figure.savefig(path, metadata={"Date": None})
    pyplot.close(figure)
    return path


def _bars(axes: Any, plot: Plot) -> None:
    names: list[str | float] = list(dict.fromkeys(name for series in plot.series for name in series.x))
    width = 0.8 / len(plot.series)
    for number, series in enumerate(plot.series):
        shift = (number - (len(plot.series) - 1) / 2) * width
        known = [(names.index(x) + shift, y) for x, y in zip(series.x, series.y, strict=True) if y is not None]
        base = plot.reference or 0.0  # bars grow up and down from what they are compared with
        heights = [y - base for _, y in known]
        axes.bar([x for x, _ in known], heights, width, bottom=base, label=series.name, color=_colour(number))
    axes.set_xticks(range(len(names)), names, rotation=25, ha="right")


def _lines(axes: Any, plot: Plot) -> None:
    for number, series in enumerate(plot.series):
        known = [(x, y) for x, y in zip(series.x, series.y, strict=True) if y is not None]
        axes.plot([x for x, _ in known], [y for _, y in known], "o-", label=series.name, color=_colour(number))


def _colour(number: int) -> str:
    return _COLOURS[number % len(_COLOURS)]
