"""All rows of all rounds, judged by the same code, as a report."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.quality.environments import DidNotInstall, environment, versions
from benchmarks.quality.exchange import Answer, name_of, write_round
from benchmarks.quality.opponents import Opponent
from benchmarks.quality.ours import which
from benchmarks.quality.play import ours, play
from marquee_training.config import TrainingConfig
from marquee_training.data.dataset import Dataset
from marquee_training.evaluation.judge import MAIN, judge
from marquee_training.evaluation.protocols import Round, rounds_of
from marquee_training.evaluation.report import Documents, Results, details, lead_over_best, pooled_results, report_rows
from marquee_training.evaluation.rows import PRODUCT
from marquee_training.fit import prepare

LEADING = ("pipeline", "pipeline_novel")
"""The rows of ours whose lead is shown: at dial 0, and at the default."""
SECONDS, SETTINGS = 150.0, 24


def compare(
    dataset: Dataset,
    config: TrainingConfig,
    opponents: Sequence[Opponent],
    work: Path,
    *,
    protocols: Sequence[str],
    seed_counts: Sequence[int],
    data: Path | None = None,
    name: str = "",
    seconds: float = SECONDS,
    settings: int = SETTINGS,
    jobs: int = 1,
    say: Callable[[str], None] = print,
    python_of: Callable[[str], Path] = environment,
) -> dict[str, Any]:
    """Run what an earlier run has not answered in the folder `work`, and judge all of it.

    Each search in a round is limited in `seconds` of processor time and in `settings`. Our own process reads the data
    set again, by `data` and `name`.

    Returns:
        `{"documents": as marquee evaluate's, each row with "pipeline_lead" and "pipeline_novel_lead" {metric:
        {"mean", "ci95"}}, "costs", "absent": {name: reason}, "versions", "budget"}`.
    """
    pythons: dict[str, Path] = {}
    reasons: dict[str, str] = {}
    for needed in dict.fromkeys(opponent.environment for opponent in opponents):
        try:
            pythons[needed] = python_of(needed)
        except DidNotInstall as error:
            say(f"{needed} did not install: {error}")
            reasons[needed] = str(error)
    present = [opponent for opponent in opponents if opponent.environment in pythons]
    limits = {"seconds": seconds, "settings": settings}
    # As if all folds were run: then a run of more folds reuses the answers of a run of fewer.
    every = config.model_copy(update={"eval_folds_run": config.eval_folds}).model_dump(mode="json")
    job = {"data": str(data or ""), "name": name, "config": every, "protocols": [*protocols], "seeds": [*seed_counts]}
    genres = prepare(dataset, config)[1].catalog.genres
    results: dict[str, Results] = {name: {} for name in protocols}
    costs: dict[str, list[dict[str, float]]] = defaultdict(list)
    for round_ in rounds_of(dataset, config, protocols, seed_counts):
        place = work / which(round_).replace(" ", "-")
        write_round(place / "round.npz", round_, genres)

        def run(opponent: Opponent, place: Path = place, round_: Round = round_) -> Answer:
            say(f"{round_.name}: {opponent.name}")
            return play(opponent, pythons[opponent.environment], place, round_, seed=config.seed, **limits)

        with ThreadPoolExecutor(jobs) as pool:
            answers = list(pool.map(run, present))
        say(f"{round_.name}: our own rows")
        own, peak_mib = ours(place, job | {"round": which(round_)})
        for protocol, rows in own.items():
            for key, found in rows.items():
                results[protocol].setdefault(key, []).extend(found)
        costs["ours"].append({"peak_mib": peak_mib})
        train = round_.fitted_on
        for opponent, answer in zip(present, answers, strict=True):
            cost = {key: answer.facts[key] for key in ("search_s", "fit_s", "tried", "peak_mib")}
            costs[opponent.name].append(cost)
            for question in round_.questions:
                if question.protocol in opponent.protocols:
                    for k in question.tests:
                        judged = judge(answer.recommend(question.protocol), question, k, train, genres)
                        chosen = answer.facts["chosen"][name_of(question.protocol, k)]
                        result = (judged, cost["search_s"], chosen)
                        results[question.protocol].setdefault((opponent.name, k), []).append(result)
    return {
        "documents": _documents(dataset, config, results, seed_counts),
        # Means over the rounds, but the greatest memory.
        "costs": {
            who: {
                key: float((np.max if key == "peak_mib" else np.mean)([one[key] for one in rounds]))
                for key in rounds[0]
            }
            for who, rounds in costs.items()
        },
        "absent": {who.name: reasons[who.environment] for who in opponents if who.environment in reasons},
        "versions": {name: versions(python) for name, python in pythons.items()},
        "budget": limits,
    }


def _documents(
    dataset: Dataset, config: TrainingConfig, results: dict[str, Results], seed_counts: Sequence[int]
) -> Documents:
    documents = []
    for protocol, own in results.items():
        people = pooled_results(own)
        rows = report_rows(protocol, own)
        for row in rows:
            for name in LEADING:
                # Empty where the protocol has no such row, and for the product itself.
                if row["model"] in PRODUCT or (name, row["k"]) not in people:
                    row[f"{name}_lead"] = {}
                    continue
                values, other = people[name, row["k"]].values, {row["model"]: people[row["model"], row["k"]].values}
                row[f"{name}_lead"] = {metric: lead_over_best(metric, values, other) for metric in MAIN[protocol]}
        found = details(dataset, config, protocol, seed_counts)
        documents.append({"dataset": dataset.name, "protocol": protocol, "rows": rows, "details": found})
    return documents
