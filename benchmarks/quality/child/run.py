"""Runs one library on one fold, in that library's environment; of ours only numpy and scipy code is imported.

    python -I run.py JOB.json

The job names the round's file, a model, its settings and where the answer goes (`benchmarks/quality/exchange.py`
describes the files). The search is that of our own baselines: NDCG@n of the validation people's requests, separately
for every number of seeds. The answer holds lists, which the calling process judges.
"""

import importlib.util
import json
import resource
import sys
import time
from pathlib import Path

import numpy as np
from scipy import sparse

sys.path.insert(0, str(Path(__file__).parents[3] / "training"))
from marquee_training.evaluation.cases import Cases
from marquee_training.evaluation.metrics import mean_ndcg
from marquee_training.evaluation.ranking import by_scores


def read_matrix(arrays, name):
    """A CSR float32 matrix of ones out of the round's file."""
    columns, indptr = arrays[f"{name}.columns"], arrays[f"{name}.indptr"]
    shape = (len(indptr) - 1, int(arrays["n_movies"]))
    return sparse.csr_matrix((np.ones(len(columns), dtype=np.float32), columns, indptr), shape=shape)


def recommender(model, chosen, popularity):
    """Ranks the chosen films by the model; a request none of whose films is among them gets the most liked ones."""

    def score(seeds):
        known = seeds[:, chosen]
        scores = np.full(seeds.shape, -np.inf, dtype=np.float32)
        some = np.diff(known.indptr) > 0
        scores[:, chosen] = popularity[chosen]
        if some.any():
            scores[np.ix_(some, chosen)] = model.scores(known[some])
        return scores

    return by_scores(score)


def search(fit, questions, settings, seconds):
    """The best of the settings, from which `fit` makes a recommender, for every question (`read_questions`).

    No further setting is begun after `seconds` of processor time: others may use the machine.

    Returns:
        Question -> (lists, settings, value); the seconds of the search; those of each fit.
    """
    best, spent, fits = {}, 0.0, []
    for tried in settings:
        if fits and spent > seconds:
            break
        started = time.process_time()
        recommend = fit(tried)
        fits.append(time.process_time() - started)
        values = {}
        for name, (validation, _, depth, _) in questions.items():
            values[name] = float(mean_ndcg(recommend, validation, depth).mean()) if len(validation) else 0.0
        spent += time.process_time() - started
        for name, value in values.items():
            if name not in best or value > best[name][2]:
                _, seeds, _, length = questions[name]
                best[name] = (recommend(seeds, (length,))[0], tried, value)
        print(f"{len(fits)}/{len(settings)} {spent:.0f}s {tried} {values}", flush=True)
    return best, spent, fits


def read_questions(arrays, protocols):
    """Name -> validation cases, the test people's seeds, n of the NDCG@n to go by, and the length of the lists."""
    return {
        name: (
            Cases(
                arrays[f"{name}.validation.people"],
                read_matrix(arrays, f"{name}.validation.seeds"),
                read_matrix(arrays, f"{name}.validation.targets"),
            ),
            read_matrix(arrays, f"{name}.test.seeds"),
            int(arrays[f"{name}.depth"]),
            int(arrays[f"{name}.length"]),
        )
        for name in arrays["questions"].tolist()
        if name.split("@")[0] in protocols
    }


def load_model(place):
    """The class at `FILE.py:CLASS`."""
    path, name = place.rsplit(":", 1)
    spec = importlib.util.spec_from_file_location("models", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return getattr(module, name)


def main(job):
    """Run a job."""
    with np.load(job["round"], allow_pickle=False) as stored:
        arrays = dict(stored)
    likes = read_matrix(arrays, "likes")
    popularity = np.bincount(likes.indices, minlength=likes.shape[1]).astype(np.float32)
    chosen = np.flatnonzero(popularity >= job["min_likes"])
    known = likes[:, chosen]
    known = known[np.diff(known.indptr) > 0]
    model = load_model(job["model"])

    def fit(settings):
        return recommender(model(known, arrays["genres"][chosen], settings, job["seed"]), chosen, popularity)

    best, spent, fits = search(fit, read_questions(arrays, job["protocols"]), job["settings"], job["seconds"])
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
