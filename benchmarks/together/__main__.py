"""Groups, several interests, dislikes and series, measured on people whom no model has seen.

python -m benchmarks.together --data DIR [--folds 5] [--json FILE]
"""

import argparse
import json
from collections import defaultdict
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.together.alone import ALONE, alone
from benchmarks.together.groups import gains, groups
from benchmarks.together.models import folds
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
    told = {kind: _groups_table(kind, ways) for kind, ways in found.items()}
    told["one person"] = _alone_table(single)
    if options.json:
        options.json.write_text(json.dumps(told, indent=1), "utf-8")


def _groups_table(kind: str, ways: dict[str, list[NDArray[np.float64]]]) -> dict[str, object]:
    print(f"\n{kind}, {SEEDS} films each: NDCG@10 of the members\n")
    print("| list | mean | of the member with the least | members without any hit | least: ours ahead by |")
    print("| --- | --- | --- | --- | --- |")
    ours = np.stack(ways["people"])
    told: dict[str, object] = {}
    for name, values in ways.items():
        each = np.stack(values)
        ahead = np.nanmin(ours, axis=1) - np.nanmin(each, axis=1)
        low, high = ci95(ahead)
        row = [float(np.nanmean(each)), float(np.nanmin(each, axis=1).mean()), float((each == 0).mean())]
        told[name] = [*row, float(ahead.mean()), low, high]
        lead = "" if name == "people" else f"{ahead.mean():+.3f} [{low:+.3f}, {high:+.3f}]"
        print(f"| {name} | {row[0]:.3f} | {row[1]:.3f} | {row[2]:.1%} | {lead} |")
    return told


def _alone_table(rows: Found) -> dict[str, object]:
    told: dict[str, object] = {}
    for name, (base, metrics) in ALONE.items():
        print(f"\n{name}\n\n| metric | off | on | difference |\n| --- | --- | --- | --- |")
        for metric in metrics:
            off, on = np.concatenate(rows[base][metric]), np.concatenate(rows[name][metric])
            change = on - off
            low, high = ci95(change)
            told[f"{name}: {metric}"] = [float(off.mean()), float(on.mean()), low, high]
            difference = f"{change.mean():+.4f} [{low:+.4f}, {high:+.4f}]"
            print(f"| {metric} | {off.mean():.3f} | {on.mean():.3f} | {difference} |")
    return told


if __name__ == "__main__":
    main()
