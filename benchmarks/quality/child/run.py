"""Runs one library on one fold, in that library's environment: nothing of ours is installed there.

    python -I run.py JOB.json

The job names the round's file, a model, its settings and where the answer goes (`benchmarks/quality/exchange.py`
says how the files look). The search is the one that our own baselines get: NDCG@n of the validation people's requests,
for every number of seeds by itself. What is written are lists; whoever asked judges them.
"""

import importlib.util
import json
import resource
import sys
import time
from pathlib import Path

import numpy as np
from scipy import sparse

BLOCK = 2_000_000  # scores held at once


def read_matrix(arrays, name):
    """A CSR float32 matrix of ones out of the round's file."""
    columns, indptr = arrays[f"{name}.columns"], arrays[f"{name}.indptr"]
    shape = (len(indptr) - 1, int(arrays["n_movies"]))
    return sparse.csr_matrix((np.ones(len(columns), dtype=np.float32), columns, indptr), shape=shape)


def top_n(scores, n):
    """(b, n) columns of each row's best scores, the lower column first among equals; -1 for what is -inf.

    Raises:
        ValueError: A score is NaN or +inf.
    """
    if np.isnan(scores).any() or np.isposinf(scores).any():
        raise ValueError("the model gave a score that is NaN or infinite")
    b, m = scores.shape
    short = min(n, m)
    threshold = np.partition(scores, m - short, axis=1)[:, m - short, None]
    above, equal = scores > threshold, scores == threshold
    room = short - above.sum(axis=1, keepdims=True)
    for row in np.flatnonzero(equal.sum(axis=1) > room[:, 0]):  # more equals than places: the lower columns come in
        equal[row, np.flatnonzero(equal[row])[room[row, 0] :]] = False
    columns = np.nonzero(above | equal)[1].reshape(b, short)
    values = np.take_along_axis(scores, columns, axis=1)
    best = np.argsort(-values, axis=1, kind="stable")  # columns ascend, so equal scores keep that order
    listed = np.take_along_axis(columns, best, axis=1)
    lists = np.full((b, n), -1, dtype=np.int64)
    lists[:, :short] = np.where(np.take_along_axis(values, best, axis=1) > -np.inf, listed, -1)
    return lists


def ndcg(lists, targets):
    """(b,) NDCG of the lists, as training/marquee_training/evaluation/metrics.py defines it."""
    wanted = np.repeat(np.arange(targets.shape[0]), np.diff(targets.indptr)) * targets.shape[1] + targets.indices
    listed = np.arange(len(lists))[:, None] * targets.shape[1] + lists
    hits = np.isin(listed, wanted) & (lists >= 0)
    gains = 1.0 / np.log2(np.arange(2, lists.shape[1] + 2))
    sizes = np.minimum(np.diff(targets.indptr), lists.shape[1])
    return (hits @ gains) / np.concatenate([[np.nan], np.cumsum(gains)])[sizes]


def per_person(values, people):
    """Mean over people, of whom each is a mean over their requests."""
    _, rows = np.unique(people, return_inverse=True)
    return float((np.bincount(rows, values) / np.bincount(rows)).mean())


class Films:
    """The films that take part, and lists of all films out of scores of those."""

    def __init__(self, likes, min_likes):
        self.popularity = np.bincount(likes.indices, minlength=likes.shape[1]).astype(np.float32)
        self.chosen = np.flatnonzero(self.popularity >= min_likes)

    def lists(self, model, seeds, n):
        """(b, n) columns of the catalogue; a request none of whose films takes part gets the most liked ones."""
        height = max(1, BLOCK // seeds.shape[1])
        parts = [np.empty((0, n), dtype=np.int64)]
        for start in range(0, seeds.shape[0], height):
            shown = seeds[start : start + height]
            known = shown[:, self.chosen]
            scores = np.full(shown.shape, -np.inf, dtype=np.float32)
            some = np.diff(known.indptr) > 0
            scores[:, self.chosen] = self.popularity[self.chosen]
            if some.any():
                scores[np.ix_(some, self.chosen)] = model.scores(known[some])
            scores[shown.nonzero()] = -np.inf
            parts.append(top_n(scores, n))
        return np.concatenate(parts)


def search(make, films, questions, settings, seconds):
    """The best setting for every question.

    Args:
        make: Settings -> a fitted model.
        films: Which films take part.
        questions: Name -> validation and test requests (`read_questions`).
        settings: What to try, in this order.
        seconds: No further setting is begun after so many, of processor time: others may use the machine.

    Returns:
        Name -> (lists, settings, value); the seconds of the search; those of each fit; how many were tried.
    """
    best, spent, fits = {}, 0.0, []
    for tried in settings:
        if fits and spent > seconds:
            break
        started = time.process_time()
        model = make(tried)
        fits.append(time.process_time() - started)
        values = {}
        for name, question in questions.items():
            people = question["people"]
            lists = films.lists(model, question["validation"], question["depth"])
            values[name] = per_person(ndcg(lists, question["targets"]), people) if len(people) else 0.0
        spent += time.process_time() - started
        for name, value in values.items():
            if name not in best or value > best[name][2]:
                best[name] = (films.lists(model, questions[name]["test"], questions[name]["length"]), tried, value)
        print(f"{len(fits)}/{len(settings)} {spent:.0f}s {tried} {values}", flush=True)
    return best, spent, fits


def read_questions(arrays):
    """The round's questions: seeds and targets of the validation people, seeds alone of the test people."""
    return {
        name: {
            "validation": read_matrix(arrays, f"{name}.validation.seeds"),
            "targets": read_matrix(arrays, f"{name}.validation.targets"),
            "people": arrays[f"{name}.validation.people"],
            "test": read_matrix(arrays, f"{name}.test.seeds"),
            "depth": int(arrays[f"{name}.depth"]),
            "length": int(arrays[f"{name}.length"]),
        }
        for name in arrays["questions"].tolist()
    }


def load_model(place):
    """The class at `FILE.py:CLASS`."""
    path, name = place.rsplit(":", 1)
    spec = importlib.util.spec_from_file_location("models", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return getattr(module, name)


def main(job):
    """Do what a job says."""
    with np.load(job["round"], allow_pickle=False) as stored:
        arrays = dict(stored)
    likes = read_matrix(arrays, "likes")
    films = Films(likes, job["min_likes"])
    known = likes[:, films.chosen]
    known = known[np.diff(known.indptr) > 0]
    genres = arrays["genres"][films.chosen]
    model = load_model(job["model"])
    best, spent, fits = search(
        lambda settings: model(known, genres, settings, job["seed"]),
        films,
        {name: asked for name, asked in read_questions(arrays).items() if name.split("@")[0] in job["protocols"]},
        job["settings"],
        job["seconds"],
    )
    answer = Path(job["answer"])
    np.savez_compressed(answer.with_suffix(".npz"), **{name: found[0] for name, found in best.items()})
    facts = {
        "chosen": {name: found[1] for name, found in best.items()},
        "validation": {name: found[2] for name, found in best.items()},
        "search_s": spent,
        "fit_s": float(np.mean(fits)),
        "tried": len(fits),
        "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,  # Linux counts KiB
    }
    answer.with_suffix(".json").write_text(json.dumps(facts, indent=1), "utf-8")


if __name__ == "__main__":
    main(json.loads(Path(sys.argv[1]).read_text("utf-8")))
