"""The trade-off in words, for whoever picks the dials."""

from collections.abc import Sequence

from marquee_training.sweep.choice import Choice, Gain
from marquee_training.sweep.front import ACCURACY, on_front
from marquee_training.sweep.front import Row as TableRow
from marquee_training.sweep.grid import Dials

WHAT = {"ild@10": "ILD", "coverage@10": "coverage", "median_popularity@10": "median popularity"}
DIGITS = {"ild@10": ".3f", "coverage@10": ".4f", "median_popularity@10": ".0f"}


def number(value: float, form: str = ".4f") -> str:
    """Without the zero before the point: `.519`, `-.004`; 0 is never -0."""
    text = format(value, form)
    if float(text) == 0:
        text = text.lstrip("-+")
    return text.replace("0.", ".", 1) if text.lstrip("-+").startswith("0.") else text


def signed(value: float, form: str = ".4f") -> str:
    """`number` with its sign."""
    return number(value, f"+{form}")


def price(rows: Sequence[TableRow], settings: Sequence[Dials], place: int, against: str) -> str:
    """What a setting costs and brings, against the configured one, which is the first.

    Such as `diversity 0.2: -.004 [-.006, -.002] NDCG@10 for +.050 ILD`.
    """
    row, base = rows[place], rows[0]
    gained = signed(row[against] - base[against], DIGITS[against])
    interval = f"[{signed(row['diff_low'], '.3f')}, {signed(row['diff_high'], '.3f')}]"
    cost = signed(row[ACCURACY] - base[ACCURACY], ".3f")
    return f"{settings[place].changes(settings[0])}: {cost} {interval} NDCG@10 for {gained} {WHAT[against]}"


def line_of(rows: Sequence[TableRow], settings: Sequence[Dials], place: int) -> list[str]:
    """A setting in a table: what differs, NDCG@10, its difference with interval, and what accuracy is traded for."""
    row = rows[place]
    interval = f"[{signed(row['diff_low'], '.3f')}, {signed(row['diff_high'], '.3f')}]"
    difference = f"{signed(row['diff'], '.3f')} {interval}" if place else ""
    traded = [number(row[against], DIGITS[against]) for against in WHAT]
    return [settings[place].changes(settings[0]), number(row[ACCURACY]), difference, *traded]


def sentences(rows: Sequence[TableRow], settings: Sequence[Dials], choice: Choice, *, cross_fitted: bool) -> list[str]:
    """Who was asked, what the winner gains, and the surest gain for each thing that accuracy is traded for."""
    who = (
        "held-out people of all folds, with seeds that evaluate doesn't draw"
        if cross_fitted
        else "validation people, whom evaluate doesn't report on"
    )
    found = [
        f"asked: {rows[0]['n_people']} {who}; differences are to the configured dials, paired, with 95 % intervals"
    ]
    gain = f"most accurate: {settings[choice.best].changes(settings[0])}"
    if choice.best:
        gain += f", {_interval(choice.gain)} NDCG@10 over all numbers of seeds on the people who chose it"
    if choice.honest is not None:
        gain += f"; choosing so is worth {_interval(choice.honest)}, cross-fitted"
    found.append(gain)
    for against in WHAT:
        free = [place for place in on_front(rows, against) if rows[place]["diff_high"] >= 0]
        if free:
            said = price(rows, settings, free[-1], against) if free[-1] else "as configured"
            found.append(f"most {_more(against)} at no sure cost: {said}")
    return found


def _more(against: str) -> str:
    return {"ild@10": "variety", "coverage@10": "coverage", "median_popularity@10": "little-known films"}[against]


def _interval(gain: Gain) -> str:
    return f"{signed(gain.mean)} [{signed(gain.low)}, {signed(gain.high)}]"
