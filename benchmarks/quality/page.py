"""The report as a page of docs/."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from benchmarks.quality.opponents import Opponent
from marquee.models.weights import NOVELTY
from marquee_training.evaluation.judge import MAIN

INTRODUCTION = (
    "Written by the command below; don't edit it. What the figures mean: [quality.md](quality.md); how libraries are "
    "run, and their grids: [benchmarks/quality](../benchmarks/quality/README.md)."
)

COSTS = (
    "Means over the folds; memory is the most. A library's seconds are processor time of one thread, the search "
    "included and its import not; its memory includes both. Our rows' seconds are time that passed, and rows out "
    "of one fit share it. A row whose search ended early (fewer tried than its grid has) may do better with more time."
)
OTHERS = (
    "hits_share@12",
    "candidate_recall@200",
    "personalisation@10",
    "recall@20",
    "recall@50",
    "mrr@10",
    "stratified_recall@20",
    "coverage@10",
    "median_popularity@10",
)
LEADS = {
    "pipeline": "The pipeline's lead",
    "pipeline_novel": f"The lead of `pipeline_novel`, the same with `novelty` {NOVELTY:g}",
}


def page(report: dict[str, Any], opponents: Sequence[Opponent], plots: Sequence[str]) -> str:
    """Markdown, of what `compare` returns with `command` and `date`."""
    parts = ["# Quality beside other libraries", INTRODUCTION, f"    {report['command']}", _summary(report)]
    for document in report["documents"]:
        parts += [f"## {document['protocol']}", *_tables(document)]
    parts += ["## What it cost", _costs(report, opponents), "## Who", _who(opponents, report)]
    if plots:
        parts += ["## Plots", *(f"![{name}]({name})" for name in plots)]
    return "\n\n".join(parts) + "\n"


def _summary(report: dict[str, Any]) -> str:
    first, budget = report["documents"][0], report["budget"]
    details = first["details"]
    versions = [(library, *pair) for library, found in report["versions"].items() for pair in found.items()]
    installed = ", ".join(f"{name} {version}" for library, name, version in versions if name.lower() == library)
    return (
        f"{report['date']}, {first['dataset']}, folds {details['folds']}, {details['draws']} draws per person, "
        f"seed {details['seed']}, {first['rows'][0]['n_users']} people; {installed}. "
        f"Each search of each library in each fold: at most {budget['settings']} settings, none begun after "
        f"{budget['seconds']:g} s of processor time. The setting is chosen by the validation people, for every number "
        "of seeds by itself. Brackets are 95 % intervals; leads are the pipeline minus the row, paired over people, so "
        "above 0 the pipeline is better."
    )


def _tables(document: dict[str, Any]) -> list[str]:
    rows = document["rows"]
    metric = MAIN[document["protocol"]][0]
    counts = list(dict.fromkeys(row["k"] for row in rows))
    by_key = {(row["model"], row["k"]): row for row in rows}
    models = list(dict.fromkeys(row["model"] for row in rows))
    heads = [f"k = {k}" if k else "80 % shown" for k in counts]
    shown = _shown(counts)
    others = [name for name in OTHERS if name in by_key[models[0], shown]["metrics"]]
    means = [
        [model, *(_mean(by_key[model, k], metric) for k in counts)]
        + [_figure(by_key[model, shown]["metrics"][name]) for name in others]
        for model in models
    ]
    names = [f"{name} at {shown}" if shown else name for name in others]
    tables = [f"{metric}:", _table(["row", *heads, *names], means)]
    if len(counts) > 1:
        covered = [[model, *(_figure(by_key[model, k]["metrics"]["coverage@10"]) for k in counts)] for model in models]
        tables += ["coverage@10:", _table(["row", *heads], covered)]
    for ours, words in LEADS.items():
        rivals = [model for model in models if by_key[model, counts[0]][f"{ours}_lead"]]
        leads = [[model, *(_lead(by_key[model, k], ours, metric) for k in counts)] for model in rivals]
        tables += [f"{words}, {metric}:", _table(["over", *heads], leads)] if leads else []
    return tables


def _shown(counts: Sequence[int | None]) -> int | None:
    """The number of seeds of the figures that are shown at one number alone."""
    return 5 if 5 in counts else counts[-1]


def _figure(value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:.0f}" if value >= 1 else f"{value:.4f}".removeprefix("0")


def _mean(row: dict[str, Any], metric: str) -> str:
    low, high = row["ci95"][metric]
    return f"{_figure(row['metrics'][metric])} [{_figure(low)}, {_figure(high)}]"


def _lead(row: dict[str, Any], ours: str, metric: str) -> str:
    lead = row[f"{ours}_lead"][metric]
    return f"{lead['mean']:+.4f} [{lead['ci95'][0]:+.4f}, {lead['ci95'][1]:+.4f}]"


def _costs(report: dict[str, Any], opponents: Sequence[Opponent]) -> str:
    """Processor time of the libraries; our rows' is the time that passed."""
    ours = {row["model"]: row["fit_s"] for row in report["documents"][0]["rows"] if row["model"] not in report["costs"]}
    grids = {who.name: min(len(who.settings), report["budget"]["settings"]) for who in opponents}
    rows = []
    for who, cost in report["costs"].items():
        if who != "ours":
            tried = f"{cost['tried']:.1f} of {grids[who]}"
            rows.append([who, f"{cost['search_s']:.1f}", f"{cost['fit_s']:.2f}", tried, f"{cost['peak_mib']:.0f}"])
    memory = f"{report['costs']['ours']['peak_mib']:.0f} (all our rows)" if ours else ""
    rows += [[model, f"{seconds:.1f}", "–", "–", memory] for model, seconds in ours.items()]
    table = _table(["row", "search and fits, s", "one fit, s", "settings tried", "peak memory, MiB"], rows)
    return f"{COSTS}\n\n{table}"


def _who(opponents: Sequence[Opponent], report: dict[str, Any]) -> str:
    few = [row for document in report["documents"] if document["protocol"] == "few-seeds" for row in document["rows"]]
    chosen = {row["model"]: row["settings"] for row in few if row["k"] == _shown([other["k"] for other in few])}
    rows = []
    for who in opponents:
        if who.name in report["absent"]:
            rows.append([f"`{who.name}`", who.about, f"**did not install**: {report['absent'][who.name]}", "–", "–"])
            continue
        texts = [", ".join(f"{key} {value:g}" for key, value in own.items()) for own in chosen.get(who.name, [])]
        counted = "; ".join(f"{text} (x{count})" for text, count in Counter(texts).items())
        rows.append([f"`{who.name}`", who.about, who.cold, who.source, counted or "–"])
    return _table(["row", "what", "people never seen", "settings: source", "chosen at 5 seeds, fold by fold"], rows)


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    rule = ["---"] * len(heads) if "what" in heads else ["---", *["---:"] * (len(heads) - 1)]
    lines = [heads, rule, *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
