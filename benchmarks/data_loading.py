"""How long reading takes, and how much memory: makes a set of ML-20M's shape, loads it in a process of its own.

python benchmarks/data_loading.py 20000000
"""

import argparse
import multiprocessing
import resource
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

ML_20M = {"ratings": 20_000_263, "people": 138_493, "films": 27_278}
Row = tuple[str, str, str, str, str, str]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("ratings", type=int, nargs="?", default=ML_20M["ratings"], help="about this many (ML-20M's)")
    parser.add_argument("--shape", default="latest", choices=("latest", "kaggle", "1m"))
    parser.add_argument("--folder", type=Path, help="keep the files here; load what is there already")
    given = parser.parse_args()
    print("| step | ratings | films | files, MB | seconds | peak RSS, GiB |\n| --- | --- | --- | --- | --- | --- |")
    with tempfile.TemporaryDirectory() as temporary:
        folder = given.folder or Path(temporary) / "made"
        if not folder.exists():
            in_process(make, folder, given.ratings, given.shape)
        in_process(load, folder)


def in_process(step: Any, *arguments: Any) -> None:
    """Print a step's rows. This process imports little: a child starts with its parent's peak of memory."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        for row in pool.submit(step, *arguments).result():
            print(f"| {' | '.join(row)} |", flush=True)


def make(folder: Path, n_ratings: int, shape: str) -> list[Row]:
    from marquee_training.data.synthetic import synthesize, write_movielens  # noqa: PLC0415 - see in_process

    people = max(2, round(n_ratings * ML_20M["people"] / ML_20M["ratings"]))
    start = time.perf_counter()
    dataset = synthesize(people, ML_20M["films"], n_ratings)
    made = row_of("make", dataset, folder, start)
    start = time.perf_counter()
    write_movielens(dataset, folder, shape)
    return [made, row_of("write", dataset, folder, start)]


def load(folder: Path) -> list[Row]:
    from marquee_training.data.movielens import load_movielens  # noqa: PLC0415

    start = time.perf_counter()
    return [row_of("load", load_movielens(folder, progress=False), folder, start)]


def row_of(step: str, dataset: Any, folder: Path, start: float) -> Row:
    """With the seconds since `start`, and the process's peak of memory so far."""
    seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024) / 2**30
    megabytes = sum(path.stat().st_size for path in folder.glob("*")) / 1e6
    counts = f"{len(dataset.ratings):,}", f"{len(dataset.movies):,}"
    return step, *counts, f"{megabytes:,.0f}", f"{seconds:.1f}", f"{peak:.2f}"


if __name__ == "__main__":
    main()
