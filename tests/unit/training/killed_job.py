"""The training job on the made-up world, for torchrun: `killed_job.py STORE [RANK EPOCHS]`.

The process of that rank kills itself after so many epochs, counted over all stages.
"""

import importlib.util
import os
import signal
import sys
from contextlib import contextmanager
from pathlib import Path

from marquee_training import distributed
from marquee_training.progress import Reporter
from marquee_training.train import train

HERE = Path(__file__).parent


def module(name):
    spec = importlib.util.spec_from_file_location(name, HERE / f"{name}.py")
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


class Doomed(Reporter):
    """Kills its process after an epoch."""

    def __init__(self, limit):
        super().__init__(quiet=True)
        self.left = limit

    @contextmanager
    def stage(self, name):
        def report(epoch, most, metrics):
            self.left -= 1
            if self.left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

        yield report


store, *kill = sys.argv[1:]
conftest, doomed = module("conftest"), kill and kill[0] == os.environ["RANK"]
with distributed.process_group():
    train(
        conftest.make_dataset(conftest.make_world()),
        conftest.SHORT_CONFIG,
        Path(store),
        reporter=Doomed(int(kill[1])) if doomed else Reporter(quiet=True),
    )
