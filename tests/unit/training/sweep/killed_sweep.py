"""The tiny sweep, which kills itself at its LIMITth report: `killed_sweep.py FOLDER LIMIT`.

Writes the ids of its processes into FOLDER/workers before it dies.
"""

import importlib.util
import multiprocessing
import os
import signal
import sys
from contextlib import contextmanager
from pathlib import Path

from marquee_training.progress import Reporter
from marquee_training.sweep.grid import SIZES
from marquee_training.sweep.run import run_sweep

HERE = Path(__file__).parent


def module(path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


class Doomed(Reporter):
    def __init__(self, place, limit):
        super().__init__(quiet=True)
        self.place = place
        self.left = limit

    @contextmanager
    def stage(self, name, unit="epoch"):
        def report(done, most, metrics):
            self.left -= 1
            if self.left == 0:
                ids = [str(child.pid) for child in multiprocessing.active_children()]
                (self.place / "workers").write_text(" ".join(ids))
                os.kill(os.getpid(), signal.SIGKILL)

        yield report


if __name__ == "__main__":  # the processes that it starts read this file too
    place, limit = Path(sys.argv[1]), int(sys.argv[2])
    small = module(HERE / "conftest.py")
    world = module(HERE.parent / "conftest.py")
    SIZES["quick"] = small.TINY
    dataset = world.make_dataset(world.make_world())
    run_sweep(dataset, small.CONFIG, "quick", place / "sweep_quick.csv", Doomed(place, limit), jobs=2)
