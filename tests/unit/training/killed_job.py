"""Training on the made-up world by torchrun's agent, twice: `killed_job FOLDER`.

In the first job process 1 is killed after five epochs. The second goes on, in FOLDER/killed, and then trains once more
without being killed, in FOLDER/whole. Two jobs, not one with max_restarts: there torch 2.13 may hand the new processes
the addresses of the killed ones.
"""

import os
import signal
import sys
from pathlib import Path

import pytest
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
from torch.distributed.launcher.api import LaunchConfig, elastic_launch

import torch._dynamo  # noqa: F401, isort: skip -- imported once here, not by each process at its first optimizer step
from marquee_training import distributed
from marquee_training.progress import Reporter
from marquee_training.train import train
from tests.unit.training.conftest import SHORT_CONFIG, Doomed, make_dataset, make_world

QUIET = Reporter(quiet=True)


def work(folder: Path, kill: bool) -> None:
    """Train in one process of a job."""
    dataset = make_dataset(make_world())
    with distributed.process_group():
        if kill:
            doomed = Doomed(5, lambda: os.kill(os.getpid(), signal.SIGKILL))
            train(dataset, SHORT_CONFIG, folder / "killed", reporter=doomed if os.environ["RANK"] == "1" else QUIET)
        for name in ("killed", "whole"):
            train(dataset, SHORT_CONFIG, folder / name, reporter=QUIET)


def job(folder: Path, kill: bool) -> None:
    """Start two processes, as `torchrun --standalone --nproc-per-node=2` does, by fork, so that imports are done."""
    config = LaunchConfig(
        1, 1, 2, rdzv_backend="c10d", rdzv_endpoint="localhost:0", max_restarts=0, start_method="fork"
    )
    elastic_launch(config, work)(folder, kill)


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    # It names process 1, or process 0, whose connection to it broke.
    with pytest.raises(ChildFailedError):
        job(folder, kill=True)
    assert not (folder / "killed" / "CURRENT.json").exists()
    assert list(folder.glob("killed/.work/*/*/checkpoint.safetensors")), "nothing to go on from"
    job(folder, kill=False)
