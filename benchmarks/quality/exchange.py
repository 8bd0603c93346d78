"""What passes between us and a library's process: a round in one file, lists in another.

The round (.npz, no pickle): `n_movies`, `genres` (n, g) bool, `questions` (names), and matrices of ones as
`NAME.columns` and `NAME.indptr` of their CSR form: `likes` of the people who are fitted on, and for each question
`Q.validation.seeds`, `Q.validation.targets` and `Q.test.seeds`. Beside those `Q.validation.people`, `Q.depth` (n of
the NDCG@n that the search goes by) and `Q.length` of the lists that are wanted. What test people have left to find
never leaves our process.

The answer: `ANSWER.npz` with (c, length) columns of the catalogue for each question, best first, -1 where there is no
more; `ANSWER.json` with `chosen`, `validation`, `search_s`, `fit_s`, `tried` and `peak_mib`.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from marquee.errors import DataError
from marquee_training.evaluation.judge import CANDIDATES, AskRow, Judged
from marquee_training.evaluation.protocols import Round
from marquee_training.evaluation.ranking import Lists, Recommend
from marquee_training.evaluation.report import Results

OurRows = tuple[dict[str, Results], float]
"""Our rows of one round by protocol, and the memory in MiB that all of them took together."""

LENGTH = {"few-seeds": CANDIDATES, "holdout": 100}


def name_of(protocol: str, k: int | None) -> str:
    """A question's name in the files."""
    return f"{protocol}@{k}"


def write_round(path: Path, round_: Round, genres: NDArray[np.bool_]) -> None:
    """Write what a library may know."""
    arrays: dict[str, Any] = {"n_movies": np.int64(round_.visible.n_movies), "genres": genres}
    _add(arrays, "likes", round_.visible.likes[round_.train])
    names = []
    for question in round_.questions:
        for k, cases in question.tests.items():
            name = name_of(question.protocol, k)
            names.append(name)
            validation = question.validations[k]
            _add(arrays, f"{name}.validation.seeds", validation.seeds)
            _add(arrays, f"{name}.validation.targets", validation.targets)
            _add(arrays, f"{name}.test.seeds", cases.seeds)
            arrays[f"{name}.validation.people"] = validation.people
            arrays[f"{name}.depth"] = np.int64(question.depth)
            arrays[f"{name}.length"] = np.int64(LENGTH[question.protocol])
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(path, questions=np.array(names), **arrays)


def _add(arrays: dict[str, Any], name: str, matrix: sparse.csr_matrix) -> None:
    arrays[f"{name}.columns"] = matrix.indices.astype(np.int32)
    arrays[f"{name}.indptr"] = matrix.indptr.astype(np.int64)


@dataclass(frozen=True)
class Answer:
    """What a library answered in one round: lists by question, and what it says of its fit."""

    lists: dict[str, Lists]
    facts: dict[str, Any]

    def recommend(self, protocol: str) -> AskRow:
        """Its lists of a protocol, to be judged like a row of ours."""

        def ask(k: int | None, shelf: NDArray[np.bool_] | None, ties: int | None) -> Recommend:
            if shelf is not None or ties is not None:
                raise ValueError("lists that are known already have neither a shelf nor an order of equals")
            known = self.lists[name_of(protocol, k)]

            def recommend(seeds: sparse.csr_matrix, lengths: Sequence[int]) -> list[Lists]:
                if len(known) != seeds.shape[0] or max(lengths) > known.shape[1]:
                    raise ValueError(f"{known.shape} lists for {seeds.shape[0]} requests of {max(lengths)}")
                return [known[:, :length] for length in lengths]

            return recommend

        return ask


def read_answer(path: Path, round_: Round, protocols: Sequence[str]) -> Answer:
    """Read an answer; a DataError where a list can't be right."""
    with np.load(path.with_suffix(".npz"), allow_pickle=False) as stored:
        lists = {name: stored[name] for name in stored.files}
    for question in round_.questions:
        for k, cases in question.tests.items():
            name = name_of(question.protocol, k)
            if question.protocol in protocols:
                _check(path, name, lists.get(name), cases.seeds, LENGTH[question.protocol])
    return Answer(lists, json.loads(path.with_suffix(".json").read_text("utf-8")))


def _check(path: Path, name: str, lists: Lists | None, seeds: sparse.csr_matrix, length: int) -> None:
    wrong = None
    if lists is None or lists.shape != (seeds.shape[0], length):
        wrong = f"no lists of {seeds.shape[0]} x {length}"
    elif lists.min(initial=-1) < -1 or lists.max(initial=-1) >= seeds.shape[1]:
        wrong = "a film that isn't in the catalogue"
    else:
        ordered = np.sort(lists, axis=1)
        if ((ordered[:, 1:] == ordered[:, :-1]) & (ordered[:, 1:] >= 0)).any():
            wrong = "a film twice in a list"
        rows = np.repeat(np.arange(len(lists)), length)
        flat = lists.ravel()
        if wrong is None and np.asarray(seeds[rows[flat >= 0], flat[flat >= 0]]).any():
            wrong = "a request's own seed in its list"
    if wrong:
        raise DataError(
            f"{path.name}: {name}: {wrong}", fix="the model's file in benchmarks/quality/child has a mistake"
        )


def write_ours(answer: Path, results: dict[str, Results], peak_mib: float) -> None:
    """Save our own rows of one round: an array per row, number of seeds and metric."""
    arrays, index = {}, []
    for protocol, rows in results.items():
        for (model, k), ((judged, seconds, settings),) in rows.items():
            prefix = str(len(index))
            index.append({"protocol": protocol, "model": model, "k": k, "fit_s": seconds, "settings": settings})
            arrays[f"{prefix}.shown"] = judged.shown
            arrays[f"{prefix}.likes_shown"] = judged.likes_shown
            arrays |= {f"{prefix}.value.{name}": values for name, values in judged.values.items()}
    np.savez_compressed(answer.with_suffix(".npz"), **arrays)
    answer.with_suffix(".json").write_text(json.dumps({"rows": index, "peak_mib": peak_mib}), "utf-8")


def read_ours(answer: Path) -> OurRows:
    """Read what `write_ours` saved."""
    facts = json.loads(answer.with_suffix(".json").read_text("utf-8"))
    results: dict[str, Results] = {}
    with np.load(answer.with_suffix(".npz"), allow_pickle=False) as arrays:
        for number, row in enumerate(facts["rows"]):
            start = f"{number}.value."
            values = {name.removeprefix(start): arrays[name] for name in arrays.files if name.startswith(start)}
            judged = Judged(values, arrays[f"{number}.shown"], arrays[f"{number}.likes_shown"])
            key = (row["model"], row["k"])
            results.setdefault(row["protocol"], {})[key] = [(judged, row["fit_s"], row["settings"])]
    return results, facts["peak_mib"]
