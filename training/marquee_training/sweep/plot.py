"""A sweep for people: the trade-offs as a plot, and the text that `marquee sweep` prints."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from marquee.errors import ConfigError
from marquee_training.evaluation.metrics import Values, ci95
from marquee_training.files import write_whole
from marquee_training.sweep.grid import Setting
from marquee_training.sweep.results import ACCURACY, WORTH, Rows, on_front, shown

PANELS = {
    "ild@10": "variety: genre distance within a list (ild@10)",
    "coverage@10": "share of the catalogue in any list (coverage@10)",
}
WHAT = {"ild@10": "ILD", "coverage@10": "coverage", "median_popularity@10": "median popularity"}
MORE = {"ild@10": "variety", "coverage@10": "coverage", "median_popularity@10": "little-known films"}
DIGITS = {"ild@10": ".3f", "coverage@10": ".4f", "median_popularity@10": ".0f"}
LABELS = 5
FRONT, CONFIGURED = "#b5403a", "#1f4e79"
INCHES, DPI = (11.0, 4.8), 72


def check_plots() -> None:
    """Require matplotlib; a ConfigError without it."""
    try:
        import matplotlib as mpl  # noqa: F401, PLC0415 - an extra of its own: only plots need it
    except ImportError:
        raise ConfigError("plotting needs matplotlib", fix="pip install 'marquee[plots]', or use --no-plot") from None


def plot(path: Path, settings: Sequence[Setting], rows: Rows, *, title: str) -> None:
    """Write a PNG of NDCG@10 against variety and against coverage, coloured by popularity; fronts marked and labelled.

    The same rows give the same picture. The first setting is the configured one.
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
    write_whole(path, lambda aside: figure.savefig(aside, format="png", metadata={"Software": None}))


def _panel(axes: Any, settings: Sequence[Setting], rows: Rows, against: str, popularity: Any) -> Any:
    x = np.array([row[against] for row in rows])
    y = np.array([row[ACCURACY] for row in rows])
    front = on_front(rows, against)
    dots = axes.scatter(x, y, c=popularity, cmap="viridis", s=16, linewidths=0, zorder=2)
    axes.plot(x[front], y[front], color=FRONT, linewidth=1, marker="o", markersize=6, fillstyle="none", zorder=3)
    axes.plot(x[0], y[0], "D", color=CONFIGURED, markersize=8, fillstyle="none", markeredgewidth=2, zorder=4)
    style: dict[str, Any] = {"textcoords": "offset points", "fontsize": 8, "ha": "center", "color": CONFIGURED}
    axes.annotate("as configured", (x[0], y[0]), (0, -16), **style)
    near = y >= (1 - WORTH) * y.max()  # what is far less accurate would squeeze the others into a corner
    if not near.all():
        axes.text(0.02, 0.02, f"{int((~near).sum())} below", transform=axes.transAxes, fontsize=7)
    height, width = max(float(np.ptp(y[near])), 1e-3), max(float(np.ptp(x[near])), 1e-6)
    axes.set_ylim(float(y[near].min()) - 0.08 * height, float(y.max()) + 0.15 * height)
    axes.set_xlim(float(x[near].min()) - 0.1 * width, float(x[near].max()) + 0.3 * width)
    style = {"textcoords": "offset points", "fontsize": 7, "zorder": 5, "color": FRONT}
    for place in [place for place in shown(rows, against, LABELS) if place]:
        text = settings[place].changes(settings[0]).replace(", ", "\n")
        axes.annotate(text, (x[place], y[place]), (6, 6), **style)
    axes.grid(alpha=0.25)
    return dots


def number(value: float, form: str = ".4f") -> str:
    """Format without a leading zero: `.519`, `-.004`; 0 is never -0."""
    text = format(value, form)
    if float(text) == 0:
        text = text.lstrip("-+")
    return text.replace("0.", ".", 1) if text.lstrip("-+").startswith("0.") else text


def signed(value: float, form: str = ".4f") -> str:
    """`number` with its sign."""
    return number(value, f"+{form}")


def price(rows: Rows, settings: Sequence[Setting], place: int, against: str) -> str:
    """A setting's cost and gain against the configured one, the first row.

    Such as `diversity 0.2: -.004 [-.006, -.002] NDCG@10 for +.050 ILD`.
    """
    row, base = rows[place], rows[0]
    gained = signed(row[against] - base[against], DIGITS[against])
    cost = signed(row[ACCURACY] - base[ACCURACY], ".3f")
    changes = settings[place].changes(settings[0])
    return f"{changes}: {cost} {_bounds(row)} NDCG@10 for {gained} {WHAT[against]}"


def _bounds(row: dict[str, Any]) -> str:
    return f"[{signed(row['diff_low'], '.3f')}, {signed(row['diff_high'], '.3f')}]"


def line_of(rows: Rows, settings: Sequence[Setting], place: int) -> list[str]:
    """A setting in a table: its changes, NDCG@10, the difference with its interval, and what accuracy is traded for."""
    row = rows[place]
    difference = f"{signed(row['diff'], '.3f')} {_bounds(row)}" if place else ""
    traded = [number(row[against], DIGITS[against]) for against in WHAT]
    return [settings[place].changes(settings[0]), number(row[ACCURACY]), difference, *traded]


def sentences(
    rows: Rows, settings: Sequence[Setting], choice: tuple[int, Values, Values | None], *, cross_fitted: bool
) -> list[str]:
    """The test people, the gain of `choose`'s setting, and the largest gain at no sure cost in each trade-off."""
    who = "validation people, whom evaluate doesn't report on"
    if cross_fitted:
        who = "held-out people of all folds, with seeds that evaluate doesn't draw"
    asked = f"asked: {rows[0]['n_people']} {who}"
    found = [f"{asked}; differences are to the configured dials, paired, with 95 % intervals"]
    best, gain, honest = choice
    text = f"most accurate: {settings[best].changes(settings[0])}"
    if best:
        text += f", {_interval(gain)} NDCG@10 over all numbers of seeds on the people who chose it"
    if honest is not None:
        text += f"; choosing so is worth {_interval(honest)}, cross-fitted"
    found.append(text)
    for against, more in MORE.items():
        free = [place for place in on_front(rows, against) if rows[place]["diff_high"] >= 0]
        if free:
            text = price(rows, settings, free[-1], against) if free[-1] else "as configured"
            found.append(f"most {more} at no sure cost: {text}")
    return found


def _interval(difference: Values) -> str:
    low, high = ci95(difference)
    return f"{signed(float(difference.mean()))} [{signed(low)}, {signed(high)}]"
