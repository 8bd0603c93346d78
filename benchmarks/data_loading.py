"""How long reading takes, and how much memory: makes a set of ML-20M's shape, loads it in a process of its own.

python benchmarks/data_loading.py 20000000
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ML_20M = {"ratings": 20_000_263, "people": 138_493, "films": 27_278}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("ratings", type=int, nargs="?", default=ML_20M["ratings"], help="about so many (ML-20M's)")
    parser.add_argument("--shape", default="latest", choices=("latest", "kaggle", "1m"))
    parser.add_argument("--folder", type=Path, help="keep the files here; load what is there already")
    parser.add_argument("--step", choices=("make", "load"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.step:
        making = arguments.step == "make"
        folder = arguments.folder
        print(json.dumps(make(folder, arguments.ratings, arguments.shape) if making else load(folder)))
    elif arguments.folder:
        measure(arguments.folder, arguments.ratings, arguments.shape)
    else:
        with tempfile.TemporaryDirectory() as folder:
            measure(Path(folder) / "made", arguments.ratings, arguments.shape)


def measure(folder: Path, n_ratings: int, shape: str) -> None:
    """Runs the steps and prints the table. This process stays small: a child starts with its parent's peak."""
    print("| step | ratings | films | files, MB | seconds | peak RSS, GiB |\n| --- | --- | --- | --- | --- | --- |")
    for step in ("load",) if folder.exists() else ("make", "load"):
        command = [sys.executable, __file__, str(n_ratings), "--shape", shape, "--folder", str(folder), "--step", step]
        for row in json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout):
            megabytes = sum(path.stat().st_size for path in folder.iterdir()) / 1e6
            cells = (row["step"], f"{row['ratings']:,}", f"{row['films']:,}", f"{megabytes:,.0f}")
            print("|", " | ".join((*cells, f"{row['seconds']:.1f}", f"{row['peak']:.2f}")), "|", flush=True)


def make(folder: Path, n_ratings: int, shape: str) -> list[dict[str, Any]]:
    from marquee_training.data.synthetic import synthesize, write_movielens  # noqa: PLC0415 - see measure

    people = max(2, round(n_ratings * ML_20M["people"] / ML_20M["ratings"]))
    start = time.perf_counter()
    dataset = synthesize(people, ML_20M["films"], n_ratings)
    made = row_of("make", dataset, start)
    start = time.perf_counter()
    write_movielens(dataset, folder, shape)
    return [made, row_of("write", dataset, start)]


def load(folder: Path) -> list[dict[str, Any]]:
    from marquee_training.data.movielens import load_movielens  # noqa: PLC0415

    start = time.perf_counter()
    return [row_of("load", load_movielens(folder, progress=False), start)]


def row_of(step: str, dataset: Any, start: float) -> dict[str, Any]:
    """Seconds since `start`, and the process' peak of memory so far, in GiB."""
    seconds = time.perf_counter() - start
    unit = 1 if sys.platform == "darwin" else 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**30
    counts = {"ratings": len(dataset.ratings), "films": len(dataset.movies)}
    return {"step": step, "seconds": seconds, "peak": peak, **counts}


if __name__ == "__main__":
    main()
