"""The tiny sweep, which is killed at its LIMITth report: `killed_sweep FOLDER LIMIT`.

Writes the ids of its processes into FOLDER/workers before it dies.
"""

import multiprocessing
import os
import signal
import sys
from pathlib import Path

from marquee_training.sweep.grid import SIZES
from marquee_training.sweep.run import run_sweep
from tests.unit.training.conftest import Doomed, make_dataset, make_world
from tests.unit.training.sweep.conftest import CONFIG, TINY

if __name__ == "__main__":  # the processes that it starts read this file too
    place, limit = Path(sys.argv[1]), int(sys.argv[2])

    def end():
        (place / "workers").write_text(" ".join(str(child.pid) for child in multiprocessing.active_children()))
        os.kill(os.getpid(), signal.SIGKILL)

    SIZES["quick"] = TINY
    run_sweep(make_dataset(make_world()), CONFIG, "quick", place / "sweep_quick.csv", Doomed(limit, end), jobs=2)
