"""An environment for each library below .venv-quality, since their dependencies exclude each other."""

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
REQUIREMENTS = Path(__file__).parent / "requirements"
ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS", "LK_NUM_THREADS")


class DidNotInstall(Exception):  # noqa: N818 - it is an outcome that the report tells, not a fault of the command
    """An environment can't be made; the message is the reason."""


def environment(name: str, root: Path = ROOT / ".venv-quality", requirements: Path = REQUIREMENTS) -> Path:
    """The Python of an environment, made when its pins have changed or it isn't there."""
    pins = requirements / f"{name}.txt"
    python, stamp = root / name / "bin" / "python", root / name / "ready"
    wanted = hashlib.sha256(pins.read_bytes()).hexdigest()
    if stamp.exists() and stamp.read_text("utf-8") == wanted:
        return python
    for command in (
        [sys.executable, "-m", "venv", "--without-pip", str(root / name)],
        [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "-r", str(pins)],
    ):
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        if done.returncode:
            said = (done.stderr or done.stdout).strip().splitlines() or ["no message"]
            errors = [line for line in said if line.startswith("ERROR")]
            raise DidNotInstall((errors or said)[-1])
    stamp.write_text(wanted, "utf-8")
    return python


def versions(python: Path) -> dict[str, str]:
    """What is installed there, by distribution."""
    code = "import importlib.metadata as m, json; print(json.dumps({d.name: d.version for d in m.distributions()}))"
    done = subprocess.run([str(python), "-I", "-c", code], check=True, capture_output=True, text=True)
    return dict(json.loads(done.stdout))


def one_thread() -> dict[str, str]:
    """The variables of a child: one thread of linear algebra, as everybody has."""
    return {**os.environ, **dict.fromkeys(ONE_THREAD, "1")}
