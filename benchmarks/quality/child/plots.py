"""Draws the report; runs in the plots' environment: `plots.py REPORT.json PREFIX` writes PREFIX-*.png, prints names."""

import json
import sys
from pathlib import Path

import matplotlib as mpl

mpl.use("Agg")
from matplotlib import pyplot as plt

OURS, THEIRS, PRODUCT = "#7a8797", "#c8743a", "#1f6f5c"
# The product's rows, and the novelty that they are asked with.
DIAL = {
    "pipeline": "novelty 0",
    "pipeline_25": ".25",
    "pipeline_novel": ".5",
    "pipeline_75": ".75",
    "pipeline_100": "1",
}


def colour(model, report):
    """The product, our other rows, the opponents."""
    if model in DIAL:
        return PRODUCT
    return THEIRS if model in report["costs"] else OURS


def intervals(document, metric, report, path):
    """One panel per number of seeds: means and 95 % intervals."""
    counts = list(dict.fromkeys(row["k"] for row in document["rows"]))
    n_models = len({row["model"] for row in document["rows"]})
    size = (2 + 2.4 * len(counts), 1 + 0.24 * n_models)
    figure, axes = plt.subplots(1, len(counts), figsize=size, sharey=True, squeeze=False)
    shown = 5 if 5 in counts else counts[-1]
    order = sorted((row for row in document["rows"] if row["k"] == shown), key=lambda row: row["metrics"][metric])
    names = [row["model"] for row in order]
    for axis, k in zip(axes[0], counts, strict=True):
        for row in (row for row in document["rows"] if row["k"] == k):
            mean, (low, high) = row["metrics"][metric], row["ci95"][metric]
            place, errors = names.index(row["model"]), [[mean - low], [high - mean]]
            axis.errorbar(mean, place, xerr=errors, fmt="o", color=colour(row["model"], report))
        axis.set_title("80 % of the likes" if k is None else f"{k} seed{'s' if k > 1 else ''}", fontsize=10)
        axis.grid(axis="x", alpha=0.3)
    axes[0][0].set_yticks(range(len(names)), names)
    figure.supxlabel(f"{metric} on people held out or lists, 95 % intervals (unpaired)", fontsize=9)
    finish(figure, path)


def trade(document, report, path):
    """Accuracy beside the share of the catalogue that is ever listed; numbers, since names would overlap."""
    figure, axis = plt.subplots(figsize=(8, 4.5))
    rows = [row for row in document["rows"] if row["k"] == 5]
    rows.sort(key=lambda row: row["metrics"]["ndcg@10"], reverse=True)
    for number, row in enumerate(rows, start=1):
        x, y = row["metrics"]["coverage@10"], row["metrics"]["ndcg@10"]
        axis.scatter(x, y, color=colour(row["model"], report), label=f"{number}  {row['model']}")
        side = (5, 3) if number % 2 else (-5, -10)
        axis.annotate(str(number), (x, y), textcoords="offset points", xytext=side, fontsize=8)
    axis.legend(loc="center left", bbox_to_anchor=(1.01, 0.5), fontsize=8, frameon=False)
    axis.set_xscale("log")
    axis.set_xlabel("coverage@10: share of the catalogue in any list (log)")
    axis.set_ylabel("ndcg@10 at 5 seeds")
    axis.grid(alpha=0.3)
    finish(figure, path)


def front(people, lists, report, path):
    """Accuracy on people held out beside the share of a taste's films; the product along its dial for novelty."""
    figure, axes = plt.subplots(1, 2, figsize=(12, 4.5))
    for axis, (few, many) in zip(axes, ((1, 1), (5, 4)), strict=True):
        y = {row["model"]: row["metrics"]["ndcg@10"] for row in people["rows"] if row["k"] == few}
        x = {row["model"]: row["metrics"]["precision@12"] for row in lists["rows"] if row["k"] == many}
        dial = [name for name in DIAL if name in x and name in y]
        axis.plot([x[name] for name in dial], [y[name] for name in dial], color=PRODUCT, marker="o")
        for name in dial:
            axis.annotate(DIAL[name], (x[name], y[name]), textcoords="offset points", xytext=(6, 5), fontsize=8)
        others = sorted((x.keys() & y.keys()) - DIAL.keys())
        for number, model in enumerate(others, start=1):
            axis.scatter(x[model], y[model], color=colour(model, report), label=f"{number}  {model}")
            side = (5, 3) if number % 2 else (-5, -10)
            axis.annotate(str(number), (x[model], y[model]), textcoords="offset points", xytext=side, fontsize=8)
        axis.set_xlabel(f"precision@12 on lists of one taste, {many} of them shown")
        axis.set_ylabel(f"ndcg@10 on people held out, {few} likes shown")
        axis.grid(alpha=0.3)
    axes[1].legend(loc="center left", bbox_to_anchor=(1.01, 0.5), fontsize=8, frameon=False)
    finish(figure, path)


def finish(figure, path):
    """Write it without the library's version, so that equal figures are equal bytes."""
    figure.tight_layout()
    figure.savefig(path, dpi=110, metadata={"Software": None})
    plt.close(figure)
    print(path.name)


def main(report, prefix):
    """All plots."""
    by_protocol = {document["protocol"]: document for document in report["documents"]}
    if {"few-seeds", "tastes"} <= by_protocol.keys():
        front(by_protocol["few-seeds"], by_protocol["tastes"], report, Path(f"{prefix}-front.png"))
    for document in report["documents"]:
        metric = {"few-seeds": "ndcg@10", "holdout": "ndcg@100", "tastes": "precision@12"}[document["protocol"]]
        intervals(document, metric, report, Path(f"{prefix}-{document['protocol']}.png"))
        if any(row["k"] == 5 for row in document["rows"]):
            trade(document, report, Path(f"{prefix}-coverage.png"))


if __name__ == "__main__":
    main(json.loads(Path(sys.argv[1]).read_text("utf-8")), sys.argv[2])
