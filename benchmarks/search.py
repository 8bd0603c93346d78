"""How long a search by title takes among 27,000 films: beginnings, several words, typos, and what isn't there.

python benchmarks/search.py [STORE]

With a store of bundles, its own titles, repeated and numbered where they are fewer; without, invented ones, whose few
words begin many titles each. Queries are made of the titles themselves: the same ones for the same titles.
"""

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from benchmarks.common import milliseconds, table
from marquee.bundle import load
from marquee.models.catalog import Catalog
from marquee.search import TitleIndex, fold
from marquee_training.data.synthetic import different_titles, synthesize

N, QUERIES, LIMIT = 27_000, 300, 8
LETTERS = "abcdefghijklmnopqrstuvwxyz"


def beginning(words: list[str], rng: np.random.Generator) -> str:
    """What has been typed of a title after a few keys."""
    whole = " ".join(words)
    return whole[: int(rng.integers(1, max(2, min(9, len(whole)))))]


def several(words: list[str], rng: np.random.Generator) -> str:
    """Two words of it or three, in another order, the last one not finished."""
    taken = list(rng.permutation(words)[:3])
    return " ".join([*taken[:-1], taken[-1][: max(2, len(taken[-1]) - 2)]])


def misspelt(words: list[str], rng: np.random.Generator) -> str:
    """All of it, with a wrong letter in its longest word."""
    longest = max(words, key=len)
    at = int(rng.integers(1, max(2, len(longest))))
    wrong = longest[:at] + LETTERS[int(rng.integers(26))] + longest[at + 1 :]
    return " ".join(wrong if word is longest else word for word in words)


def absent(_: list[str], rng: np.random.Generator) -> str:
    """Letters at random, which every way of seeing through is tried for."""
    return " ".join("".join(rng.choice([*LETTERS], 7)) for _ in range(2))


KINDS: dict[str, Callable[[list[str], np.random.Generator], str]] = {
    "a beginning, 1 to 8 letters": beginning,
    "several words in any order": several,
    "a whole title with a typo": misspelt,
    "nothing like it": absent,
}


def main(store: Path | None) -> None:
    known = load(store).catalog.titles if store else synthesize(20, N, 400, genome=False).movies["title"].tolist()
    names = different_titles(known, N)
    ids, years, genres = np.arange(1, N + 1), np.full(N, 2000, np.int16), np.ones((N, 1), bool)
    # The first film is the most popular.
    catalog = Catalog(ids, ids, tuple(names), years, ("Drama",), genres, ids[::-1].astype(np.int32))
    started = time.perf_counter()
    index = TitleIndex(catalog)
    for words in ("warm up", "warmm upp qx"):
        index.search(words, LIMIT)
    seconds = time.perf_counter() - started
    print(f"{len(set(names))} titles, index made in {seconds:.1f} s, {QUERIES} queries of a kind\n")
    rng = np.random.default_rng(0)
    rows = []
    for kind, make in KINDS.items():
        drawn = rng.choice(N, QUERIES, replace=False)
        queries = [make(fold(names[row]).split() or ["m"], rng) for row in drawn.tolist()]
        found: list[bool] = []
        took = [milliseconds(lambda: found.append(bool(index.search(query, LIMIT)))) for query in queries]  # noqa: B023
        rows.append((kind, *np.percentile(took, [50, 95]), f"{np.mean(found):.0%}"))
    table(("", "p50 ms", "p95 ms", "found"), rows)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else None)
