"""One opponent, or our own rows, on one round: a process each, whose answer is reused until something changes."""

import hashlib
import json
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from benchmarks.quality.environments import ROOT, one_thread
from benchmarks.quality.exchange import Answer, read_answer
from benchmarks.quality.opponents import HERE, Opponent
from benchmarks.quality.ours import OurRows, read_ours
from marquee.errors import MarqueeError
from marquee_training.evaluation.protocols import Round

CHILD = HERE / "child" / "run.py"
OF_CHILD = [ROOT / "training/marquee_training/evaluation" / f"{name}.py" for name in ("cases", "metrics", "ranking")]
SOURCES = ("src/marquee", "training")


class ProcessFailed(MarqueeError):  # noqa: N818 - an outcome
    """The process of a library or of our own rows ended with an error."""


def play(
    opponent: Opponent, python: Path, place: Path, round_: Round, *, seconds: float, settings: int, seed: int
) -> Answer:
    """Run an opponent on the round in the folder `place`, where the answer is saved.

    After `seconds` of processor time, or `settings` settings, no further one is begun.

    Raises:
        ProcessFailed: With the end of the process's output.
        DataError: The answer can't be right.
    """
    job = {
        "round": str(place / "round.npz"),
        "model": opponent.model,
        "min_likes": opponent.min_likes,
        "protocols": [question.protocol for question in round_.questions if question.protocol in opponent.protocols],
        "settings": opponent.settings[:settings],
        "seconds": seconds,
        "seed": seed,
        "answer": str(place / opponent.name),
    }
    # Everything that the answer depends on; where the files lie is no part of it.
    described = {key: value for key, value in job.items() if key not in {"round", "answer", "model"}}
    pins = [HERE / "requirements" / f"{opponent.environment}.txt"]
    files = [place / "round.npz", CHILD, *OF_CHILD, opponent.code, *(path for path in pins if path.exists())]
    wanted = _digest(json.dumps(described) + opponent.model.rsplit(":", 1)[1], files)
    stamp = place / f"{opponent.name}.stamp"
    if not _is_current(stamp, wanted):
        scratch = place / f"{opponent.name}.scratch"  # libraries leave logs and checkpoints in their folder
        scratch.mkdir(exist_ok=True)
        _run([str(python), "-I", str(CHILD)], job, scratch)
    result = read_answer(place / opponent.name, round_, opponent.protocols)
    stamp.write_text(wanted, "utf-8")
    return result


def ours(place: Path, job: dict[str, Any]) -> OurRows:
    """Our rows of one round, saved in its folder.

    The job holds `data`, `name`, `config` (its JSON), `protocols`, `seeds`, and the `round`: "fold 1", "tastes".
    """
    stamp, wanted = place / "ours.stamp", code_hash(json.dumps(job, sort_keys=True))
    if not _is_current(stamp, wanted):
        _run([sys.executable, "-m", "benchmarks.quality.ours"], job | {"answer": str(place / "ours.json")}, None)
        stamp.write_text(wanted, "utf-8")
    return read_ours(place / "ours.json")


def code_hash(described: str, root: Path = ROOT) -> str:
    """Of our code that the rows depend on, and of the job."""
    files = [path for folder in SOURCES for path in (root / folder).rglob("*") if path.suffix in {".py", ".toml"}]
    return _digest(described, sorted(files))


def _is_current(stamp: Path, wanted: str) -> bool:
    current = stamp.exists() and stamp.read_text("utf-8") == wanted
    if not current:
        stamp.unlink(missing_ok=True)
    return current


def _digest(described: str, files: Iterable[Path]) -> str:
    digest = hashlib.sha256(described.encode())
    for file in files:
        digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()


def _run(command: list[str], job: dict[str, Any], folder: Path | None) -> None:
    answer = Path(job["answer"])
    job_file = answer.with_suffix(".job")
    job_file.write_text(json.dumps(job), "utf-8")
    command = [*command, str(job_file)]
    done = subprocess.run(command, cwd=folder, env=one_thread(), check=False, capture_output=True, text=True)
    answer.with_suffix(".log").write_text(done.stdout + done.stderr, "utf-8")
    if done.returncode:
        raise ProcessFailed(
            f"{answer.stem} in {answer.parent.name} ended with {done.returncode}:\n{done.stderr[-2000:].strip()}",
            fix=f"run it alone: {' '.join(command)}",
        )
