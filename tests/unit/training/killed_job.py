"""The training job on the made-up world, killing itself after so many epochs: `killed_job.py STORE LIMIT [RANK]`.

Under torchrun, the process of that rank dies, and the last one has data of its own where STRANGER is set.
"""

import importlib.util
import os
import signal
import sys
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from marquee.errors import MarqueeError
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
    """Counts epochs over all stages, and dies at the limit; 0 lets it live."""

    def __init__(self, limit):
        super().__init__(quiet=True)
        self.left = limit or -1

    @contextmanager
    def stage(self, name):
        def report(epoch, most, metrics):
            self.left -= 1
            if self.left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

        yield report


world = module("conftest")
dataset = world.make_dataset(world.make_world())
rank, doomed = int(os.environ.get("RANK", "0")), int(sys.argv[3]) if len(sys.argv) > 3 else 0
if "STRANGER" in os.environ and rank == 1:
    dataset = replace(dataset, sha256="b" * 64)
try:
    with distributed.joined():
        train(
            dataset,
            module("test_train").CONFIG,
            Path(sys.argv[1]),
            reporter=Doomed(int(sys.argv[2]) if rank == doomed else 0),
        )
except MarqueeError as error:
    sys.exit(str(error))
