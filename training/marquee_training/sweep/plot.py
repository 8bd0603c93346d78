"""The trade-off as a picture, so that the dials can be picked by looking."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from marquee.errors import ConfigError
from marquee_training.sweep.front import ACCURACY, WORTH, on_front, shown
from marquee_training.sweep.grid import Dials
from marquee_training.sweep.table import Rows

PANELS = {
    "ild@10": "variety: genre distance within a list (ild@10)",
    "coverage@10": "share of the catalogue in any list (coverage@10)",
}
LABELS = 5
FRONT, CONFIGURED = "#b5403a", "#1f4e79"
INCHES, DPI = (11.0, 4.8), 72


def check_plots() -> None:
    """Is there something to plot with?

    Raises:
        ConfigError: matplotlib is missing.
    """
    try:
        import matplotlib as mpl  # noqa: F401, PLC0415 - an extra of its own: only plots need it
    except ImportError:
        raise ConfigError("plotting needs matplotlib", fix="pip install 'marquee[plots]', or say --no-plot") from None


def plot(path: Path, settings: Sequence[Dials], rows: Rows, *, title: str) -> None:
    """NDCG@10 against variety and against coverage, coloured by popularity; fronts marked and labelled.

    Args:
        path: The PNG to write; the same rows give the same picture.
        settings: The configured one first.
        rows: Of the CSV, in the same order.
        title: Above it.

    Raises:
        ConfigError: matplotlib is missing.
    """
    check_plots()
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415 - as above
    from matplotlib.figure import Figure  # noqa: PLC0415

    figure = Figure(figsize=INCHES, dpi=DPI, layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(1, len(PANELS))
    popularity = np.array([row["median_popularity@10"] for row in rows])
    dots = []
    for axes, (against, words) in zip(panels, PANELS.items(), strict=True):
        dots.append(_panel(axes, settings, rows, against, popularity))
        axes.set_xlabel(f"{words}  →")
        axes.set_ylabel("accuracy: NDCG@10  →")
    figure.suptitle(title, fontsize=10)
    figure.colorbar(dots[0], ax=list(panels), label="median likes of the films shown", pad=0.01)
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_suffix(".tmp")
    figure.savefig(aside, format="png", metadata={"Software": None})
    aside.replace(path)


def _panel(axes: Any, settings: Sequence[Dials], rows: Rows, against: str, popularity: Any) -> Any:
    x = np.array([row[against] for row in rows])
    y = np.array([row[ACCURACY] for row in rows])
    front = on_front(rows, against)
    dots = axes.scatter(x, y, c=popularity, cmap="viridis", s=16, linewidths=0, zorder=2)
    axes.plot(x[front], y[front], color=FRONT, linewidth=1, marker="o", markersize=6, fillstyle="none", zorder=3)
    axes.plot(x[0], y[0], "D", color=CONFIGURED, markersize=8, fillstyle="none", markeredgewidth=2, zorder=4)
    axes.annotate(
        "as configured", (x[0], y[0]), (0, -16), textcoords="offset points", ha="center", color=CONFIGURED, fontsize=8
    )
    _zoom(axes, x, y)
    for place in [place for place in shown(rows, against, LABELS) if place]:
        axes.annotate(
            settings[place].changes(settings[0]).replace(", ", "\n"),
            (x[place], y[place]),
            (6, 6),
            textcoords="offset points",
            fontsize=7,
            color=FRONT,
            zorder=5,
        )
    axes.grid(alpha=0.25)
    return dots


def _zoom(axes: Any, x: Any, y: Any) -> None:
    """Leave out what is far less accurate: it would squeeze what there is to choose from into a corner."""
    near = y >= (1 - WORTH) * y.max()
    if not near.all():
        axes.text(0.02, 0.02, f"{int((~near).sum())} below", transform=axes.transAxes, fontsize=7)
    height = max(float(np.ptp(y[near])), 1e-3)
    width = max(float(np.ptp(x[near])), 1e-6)
    axes.set_ylim(float(y[near].min()) - 0.08 * height, float(y.max()) + 0.15 * height)
    axes.set_xlim(float(x[near].min()) - 0.1 * width, float(x[near].max()) + 0.3 * width)
