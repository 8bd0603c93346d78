"""Groups, several interests, dislikes and series, measured on people whom no model has seen.

python -m benchmarks.together --data DIR [--folds 5] [--json FILE]
"""

import argparse
import json
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.common import table
from marquee.api.contracts import Person, RecommendationRequest
from marquee.pipeline import Pipeline
from marquee.rerank.groups import liking, score_alike
from marquee.rerank.ranker import pick
from marquee.retrieval.port import Where
from marquee.retrieval.taste import make_taste
from marquee_training.calibrate import RUNGS, calibrate, sample
from marquee_training.config import fitting, load_config
from marquee_training.data.dataset import Dataset
from marquee_training.data.sources import obtain
from marquee_training.evaluation.cases import SEED_COUNTS
from marquee_training.evaluation.metrics import Values, ci95, ndcg
from marquee_training.evaluation.protocols import few_seeds, validation_ndcg
from marquee_training.fit import fit, prepare
from marquee_training.interactions import Interactions, split_people
from marquee_training.progress import Reporter

N = 10
KINDS = {"two people": (2, False), "two unlike people": (2, True), "four people": (4, False)}
GROUP_SEEDS = 3
SEEDS, DISLIKES, BAD = 6, 3, 2.0
# One person's options: what each is compared with, and by which metrics.
ALONE = {
    "several_interests": ("plain", ("NDCG@10",)),
    "one_per_franchise": ("plain", ("NDCG@10", "films of a series shown before")),
    "disliked_movie_ids": ("plain, who dislike", ("NDCG@10", "films rated 2 or less")),
}

Rows = NDArray[np.int64]
Members = list[list[int]]
"""The films that each member of a group shows, by row of the catalogue."""
Way = Callable[[Pipeline, Members], Rows]
"""Makes one list for a group."""


@dataclass(frozen=True)
class Asked:
    """A fold's models, all ratings, and the rows of people whom the models have not seen.

    `users`, (len(people), d), are the unit vectors that the Two-Tower makes of all their likes.
    """

    pipeline: Pipeline
    everybody: Interactions
    people: NDArray[np.int64]
    users: NDArray[np.float32]


def folds(dataset: Dataset, n: int) -> Iterator[Asked]:
    """The first n of five folds, fitted as training fits and calibrated on the validation people."""
    config = load_config(fitting("auto", len(dataset.ratings)))
    everybody, films = prepare(dataset, config)
    parts = split_people(len(everybody.user_ids), 5, config.validation_share, config.seed)
    for number, fold in enumerate(parts[:n], start=1):
        with Reporter(quiet=False).stage(f"fold {number}/{n}") as report:
            validate = validation_ndcg(config, everybody, fold.validation)
            bundle, _, _ = fit(config, everybody, films, people=fold.train, validate=validate, report=report)
        drawn = [case for k in SEED_COUNTS for case in few_seeds(config, everybody, fold.validation, k, 3, 5)]
        raw = Pipeline(bundle)
        curves = {rung: calibrate(sample(raw, drawn, rung)) for rung in RUNGS}
        rerank = bundle.rerank.model_copy(update={"calibration": curves})
        people = fold.test[everybody.n_liked[fold.test] >= config.eval_min_positives]
        users = np.stack([bundle.two_tower.encode(everybody.liked(int(person)).tolist()) for person in people])
        users /= np.linalg.norm(users, axis=1, keepdims=True)
        yield Asked(Pipeline(replace(bundle, rerank=rerank)), everybody, people, users)


def groups(asked: Asked, size: int, seeds: int, *, unlike: bool, seed: int) -> list[tuple[Members, list[Rows]]]:
    """Groups that show `seeds` likes each, with every person once as the first member.

    The others are those least like the first, by the Two-Tower, if `unlike`; else anybody.

    Returns:
        What each member shows, and what each likes besides anything that a member shows.
    """
    rng = np.random.default_rng(seed)
    found = []
    for first in range(len(asked.people)):
        others = np.delete(np.arange(len(asked.people)), first)
        if unlike:  # of the tenth who are least like the first
            nearest = np.argsort(asked.users[others] @ asked.users[first])
            others = others[nearest[: max(size - 1, len(others) // 10)]]
        members = [first, *rng.choice(others, size - 1, replace=False)]
        liked = [rng.permutation(asked.everybody.liked(int(asked.people[member]))) for member in members]
        shown = [rows[:seeds].tolist() for rows in liked]
        found.append((shown, [np.setdiff1d(rows, np.concatenate(shown)).astype(np.int64) for rows in liked]))
    return found


def gains(wanted: Sequence[Rows], rows: Rows) -> Values:
    """(p,) NDCG@n of each member for one list of n films, (n,), by the films that each wants; NaN for no film."""
    hits = np.array([np.isin(rows, own) for own in wanted])
    return ndcg(hits, np.array([len(own) for own in wanted]))


def answer(pipeline: Pipeline, **options: Any) -> Rows:
    """Rows of the N films of an answer, in its order; options that are films are given by row."""
    ids = pipeline.catalog.movie_ids
    for name in options.keys() & {"movie_ids", "disliked_movie_ids"}:
        options[name] = ids[options[name]].tolist()
    films = pipeline.recommend(RecommendationRequest(top_n=N, novelty=0, sort="affinity", **options)).recommendations
    return np.searchsorted(ids, [film.movie_id for film in films])


def together(pipeline: Pipeline, members: Members) -> Rows:
    """The product's `people`."""
    return answer(pipeline, people=[Person(movie_ids=pipeline.catalog.movie_ids[rows].tolist()) for rows in members])


def by_affinity(aggregate: Callable[..., NDArray[np.float64]]) -> Way:
    """By one value of the members' affinities for each film, and MMR."""

    def way(pipeline: Pipeline, members: Members) -> Rows:
        likings, rows = _likings(pipeline, members)
        value = aggregate(likings, axis=0).astype(np.float32)
        bundle = pipeline.bundle
        picked = pick(bundle, rows, value, n=N)
        return rows[picked[np.argsort(-value[picked], kind="stable")]]

    return way


def in_turn(pipeline: Pipeline, members: Members) -> Rows:
    """Each member's next best film, one after the other."""
    likings, rows = _likings(pipeline, members)
    order = np.argsort(-likings, axis=1, kind="stable").T.ravel()
    first = np.sort(np.unique(order, return_index=True)[1])
    return rows[order[first][:N]]


def _likings(pipeline: Pipeline, members: Members) -> tuple[NDArray[np.float64], Rows]:
    """(members, films) affinities, and the films' rows."""
    bundle = pipeline.bundle
    where = Where(exclude_movie_ids=tuple(bundle.catalog.movie_ids[_all(members)].tolist()))
    tastes = [make_taste(bundle, rows, where, where.mask(bundle.catalog)) for rows in members]
    rows, rankings = score_alike(bundle, list(zip(tastes, pipeline.ladder.candidates(tastes), strict=True)))
    return np.stack([liking(bundle, ranking, ranking.probable) for ranking in rankings]), rows


def _all(members: Members) -> list[int]:
    return list(dict.fromkeys(row for rows in members for row in rows))


WAYS: dict[str, Way] = {
    "people": together,
    "all films as one person's": lambda pipeline, members: answer(pipeline, movie_ids=_all(members)),
    "the same with several_interests": lambda pipeline, members: answer(
        pipeline, movie_ids=_all(members), several_interests=True
    ),
    "mean affinity": by_affinity(np.mean),
    "least misery": by_affinity(np.min),  # M. O'Connor et al., PolyLens, 2001
    "in turn": in_turn,
}


def alone(asked: Asked, seed: int) -> dict[str, dict[str, NDArray[np.float64]]]:
    """(p,) values by option and metric; each person shows SEEDS likes, and up to DISLIKES films rated BAD or less."""
    rng = np.random.default_rng(seed)
    found: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for person in asked.people.tolist():
        order = rng.permutation(asked.everybody.liked(person))
        shown, wanted = order[:SEEDS], np.sort(order[SEEDS:]).astype(np.int64)
        ratings = asked.everybody.ratings[person]
        bad = rng.permutation(ratings.indices[ratings.data <= BAD])
        requests: dict[str, dict[str, Any]] = {
            "plain": {},
            "several_interests": {"several_interests": True},
            "one_per_franchise": {"one_per_franchise": True},
        }
        if len(bad) > DISLIKES:  # some remain to be found
            requests |= {"plain, who dislike": {}, "disliked_movie_ids": {"disliked_movie_ids": bad[:DISLIKES]}}
        for name, options in requests.items():
            rows = answer(asked.pipeline, movie_ids=shown, **options)
            series = len(np.unique(asked.pipeline.films.franchises[rows]))
            found[name]["NDCG@10"].append(float(gains([wanted], rows)[0]))
            found[name]["films of a series shown before"].append(float(len(rows) - series))
            found[name]["films rated 2 or less"].append(float(np.isin(rows, bad[DISLIKES:]).sum()))
    return {name: {metric: np.array(values) for metric, values in rows.items()} for name, rows in found.items()}


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
            for members, wanted in groups(asked, size, GROUP_SEEDS, unlike=unlike, seed=number):
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
    ours = np.nanmin(np.stack(ways["people"]), axis=1)
    found, rows = {}, []
    for name, values in ways.items():
        each = np.stack(values)
        least = np.nanmin(each, axis=1)
        ahead = ours - least
        means = [float(value) for value in (np.nanmean(each), least.mean(), (each == 0).mean(), ahead.mean())]
        found[name] = [*means, *ci95(ahead)]
        interval = "" if name == "people" else "{:+.3f} [{:+.3f}, {:+.3f}]".format(*found[name][3:])
        rows.append((name, f"{means[0]:.3f}", f"{means[1]:.3f}", f"{means[2]:.1%}", interval))
    print(f"\n{kind}, {GROUP_SEEDS} films each: NDCG@10 of the members\n")
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
