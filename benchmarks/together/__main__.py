"""Groups, several interests, dislikes and series, measured on people whom no model has seen.

python -m benchmarks.together --data DIR [--folds 5] [--json FILE]
"""

import argparse
import json
from collections import defaultdict
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.common import table
from benchmarks.together.alone import ALONE, alone
from benchmarks.together.people import folds, gains, groups
from benchmarks.together.ways import WAYS
from marquee_training.data.sources import obtain
from marquee_training.evaluation.metrics import ci95

KINDS = {"two people": (2, False), "two unlike people": (2, True), "four people": (4, False)}
SEEDS = 3

Found = dict[str, dict[str, list[NDArray[np.float64]]]]


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--folds", type=int, default=5, help="of five")
    parser.add_argument("--json", type=Path, help="write the means and intervals here too")
    options = parser.parse_args()
    found: Found = defaultdict(lambda: defaultdict(list))
    single: Found = defaultdict(lambda: defaultdict(list))
    for number, asked in enumerate(folds(obtain(options.data), options.folds)):
        for kind, (size, unlike) in KINDS.items():
            for members, wanted in groups(asked, size, SEEDS, unlike=unlike, seed=number):
                for name, way in WAYS.items():
                    found[kind][name].append(gains(wanted, way(asked.pipeline, members)))
        for name, values in alone(asked, seed=number).items():
            for metric, of_people in values.items():
                single[name][metric].append(of_people)
    figures = {kind: _groups_table(kind, ways) for kind, ways in found.items()}
    figures["one person"] = _alone_table(single)
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1), "utf-8")


def _groups_table(kind: str, ways: dict[str, list[NDArray[np.float64]]]) -> dict[str, list[float]]:
    ours = np.stack(ways["people"])
    found = {}
    for name, values in ways.items():
        each = np.stack(values)
        ahead = np.nanmin(ours, axis=1) - np.nanmin(each, axis=1)
        means = [np.nanmean(each), np.nanmin(each, axis=1).mean(), (each == 0).mean(), ahead.mean()]
        found[name] = [*map(float, means), *ci95(ahead)]
    print(f"\n{kind}, {SEEDS} films each: NDCG@10 of the members\n")
    rows = []
    for name, (mean, least, none, *lead) in found.items():
        interval = "" if name == "people" else "{:+.3f} [{:+.3f}, {:+.3f}]".format(*lead)
        rows.append((name, f"{mean:.3f}", f"{least:.3f}", f"{none:.1%}", interval))
    table(("list", "mean", "of the member with the least", "members without any hit", "least: ours ahead by"), rows)
    return found


def _alone_table(rows: Found) -> dict[str, list[float]]:
    found = {}
    for name, (base, metrics) in ALONE.items():
        print(f"\n{name}\n")
        lines = []
        for metric in metrics:
            off, on = np.concatenate(rows[base][metric]), np.concatenate(rows[name][metric])
            low, high = ci95(on - off)
            found[f"{name}: {metric}"] = [float(off.mean()), float(on.mean()), low, high]
            difference = f"{(on - off).mean():+.4f} [{low:+.4f}, {high:+.4f}]"
            lines.append((metric, f"{off.mean():.3f}", f"{on.mean():.3f}", difference))
        table(("metric", "off", "on", "difference"), lines)
    return found


if __name__ == "__main__":
    main()
