"""One opponent on one round, in a process of its own; or its answer of last time, if nothing has changed since."""

import hashlib
import json
import subprocess
from pathlib import Path

from benchmarks.quality.environments import one_thread
from benchmarks.quality.exchange import Answer, read_answer
from benchmarks.quality.opponents import HERE, Opponent
from marquee.errors import MarqueeError
from marquee_training.evaluation.protocols import Round

CHILD = HERE / "child" / "run.py"
REQUIREMENTS = HERE / "requirements"


class OpponentFailed(MarqueeError):  # noqa: N818 - what happened, not whose fault it is
    """A library's process ended with an error."""


def play(
    opponent: Opponent, python: Path, place: Path, round_: Round, *, seconds: float, settings: int, seed: int
) -> Answer:
    """Ask an opponent a round's questions.

    Args:
        opponent: Whom.
        python: Of its environment.
        place: The round's folder, with `round.npz`; the answer is kept there.
        round_: The same round, to check the answer by.
        seconds: Of processor time, after which no further setting is begun.
        settings: At most so many are tried.
        seed: Of the models.

    Raises:
        OpponentFailed: With the end of what the process said.
        DataError: The answer can't be right.
    """
    answer = place / opponent.name
    job = {
        "round": str(place / "round.npz"),
        "model": opponent.model,
        "min_likes": opponent.min_likes,
        "protocols": [question.protocol for question in round_.questions if question.protocol in opponent.protocols],
        "settings": opponent.settings[:settings],
        "seconds": seconds,
        "seed": seed,
        "answer": str(answer),
    }
    stamp, wanted = answer.with_suffix(".stamp"), fingerprint(opponent, job)
    if not (stamp.exists() and stamp.read_text("utf-8") == wanted):
        stamp.unlink(missing_ok=True)
        job_file = answer.with_suffix(".job")
        job_file.write_text(json.dumps(job), "utf-8")
        scratch = place / f"{opponent.name}.scratch"  # libraries leave logs and checkpoints where they run
        scratch.mkdir(exist_ok=True)
        done = subprocess.run(
            [str(python), "-I", str(CHILD), str(job_file)],
            cwd=scratch,
            env=one_thread(),
            check=False,
            capture_output=True,
            text=True,
        )
        answer.with_suffix(".log").write_text(done.stdout + done.stderr, "utf-8")
        if done.returncode:
            raise OpponentFailed(
                f"{opponent.name} on {round_.name} ended with {done.returncode}:\n{done.stderr[-2000:].strip()}",
                fix=f"run it alone: {python} -I {CHILD} {job_file}",
            )
    result = read_answer(answer, round_, opponent.protocols)
    stamp.write_text(wanted, "utf-8")
    return result


def fingerprint(opponent: Opponent, job: dict[str, object]) -> str:
    """Of all that an answer depends on: the round, the job, the code, the pins."""
    pins = REQUIREMENTS / f"{opponent.environment}.txt"
    parts = [Path(str(job["round"])), CHILD, opponent.code, *([pins] if pins.exists() else [])]
    told = json.dumps({key: value for key, value in job.items() if key not in {"round", "answer", "model"}})
    digest = hashlib.sha256(told.encode() + opponent.model.rsplit(":", 1)[1].encode())
    for part in parts:
        digest.update(hashlib.sha256(part.read_bytes()).digest())
    return digest.hexdigest()
