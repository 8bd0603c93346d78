"""Training on the made-up world, for torchrun: `killed_job FOLDER [kill]`.

With `kill`, process 1 is killed after five epochs. Without, the job goes on, in FOLDER/killed, and then trains once
more without being killed, in FOLDER/whole.
"""

import os
import signal
import sys
from pathlib import Path

from marquee_training import distributed
from marquee_training.progress import Reporter
from marquee_training.train import train
from tests.unit.training.conftest import SHORT_CONFIG, Doomed, make_dataset, make_world

killed, whole = (Path(sys.argv[1]) / name for name in ("killed", "whole"))
dataset = make_dataset(make_world())
with distributed.process_group():
    if sys.argv[2:]:
        doomed = Doomed(5, lambda: os.kill(os.getpid(), signal.SIGKILL))
        train(dataset, SHORT_CONFIG, killed, reporter=doomed if os.environ["RANK"] == "1" else Reporter(quiet=True))
    for store in (killed, whole):
        train(dataset, SHORT_CONFIG, store, reporter=Reporter(quiet=True))
