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
from marquee_training.evaluation.judge import CANDIDATES, AskRow
from marquee_training.evaluation.protocols import Round
from marquee_training.evaluation.ranking import Lists, Recommend, hits_of

LENGTH = {"few-seeds": CANDIDATES, "holdout": 100, "tastes": CANDIDATES}


def name_of(protocol: str, k: int | None) -> str:
    """A question's name in the files."""
    return f"{protocol}@{k}"


def write_round(path: Path, round_: Round, genres: NDArray[np.bool_]) -> None:
    """Write what a library may know."""
    arrays: dict[str, Any] = {"n_movies": np.int64(round_.visible.n_movies), "genres": genres}
    matrices = {"likes": round_.visible.likes[round_.train]}
    names = []
    for question in round_.questions:
        for k, cases in question.tests.items():
            name = name_of(question.protocol, k)
            names.append(name)
            validation = question.validations[k]
            matrices[f"{name}.validation.seeds"] = validation.seeds
            matrices[f"{name}.validation.targets"] = validation.targets
            matrices[f"{name}.test.seeds"] = cases.seeds
            arrays[f"{name}.validation.people"] = validation.people
            arrays[f"{name}.depth"] = np.int64(question.depth)
            arrays[f"{name}.length"] = np.int64(LENGTH[question.protocol])
    for name, matrix in matrices.items():
        arrays[f"{name}.columns"] = matrix.indices.astype(np.int32)
        arrays[f"{name}.indptr"] = matrix.indptr.astype(np.int64)
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(path, questions=np.array(names), **arrays)


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
            wrong = question.protocol in protocols and _mistake(lists.get(name), cases.seeds, LENGTH[question.protocol])
            if wrong:
                fix = "the model's file in benchmarks/quality/child has a mistake"
                raise DataError(f"{path.name}: {name}: {wrong}", fix=fix)
    return Answer(lists, json.loads(path.with_suffix(".json").read_text("utf-8")))


def _mistake(lists: Lists | None, seeds: sparse.csr_matrix, length: int) -> str | None:
    if lists is None or lists.shape != (seeds.shape[0], length):
        return f"no lists of {seeds.shape[0]} x {length}"
    if lists.min(initial=-1) < -1 or lists.max(initial=-1) >= seeds.shape[1]:
        return "a film that isn't in the catalogue"
    ordered = np.sort(lists, axis=1)
    if ((ordered[:, 1:] == ordered[:, :-1]) & (ordered[:, 1:] >= 0)).any():
        return "a film twice in a list"
    return "a request's own seed in its list" if hits_of(lists, seeds).any() else None
