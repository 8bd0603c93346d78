"""The picture: a PNG of sane size, the same for the same rows."""

import struct
import subprocess
import sys

import numpy as np

from marquee_training.config import TrainingConfig
from marquee_training.sweep.grid import settings_of
from marquee_training.sweep.plot import DPI, INCHES, plot
from marquee_training.sweep.results import table_of


def rows_of(n_settings):
    rng = np.random.default_rng(0)
    settings = settings_of(TrainingConfig(), "full")[:n_settings]
    results = []
    for ndcg, ild, coverage in rng.uniform(0.2, 0.8, (len(settings), 3)):
        values = {f"ndcg@10_k{k}": np.full(10, ndcg) for k in (1, 3, 5, 10)} | {"ild@10": np.full(10, ild)}
        totals = {"coverage@10": np.array([coverage]), "median_popularity@10": np.array([7.0])}
        results.append(values | totals)
    return settings, table_of(settings, results)


def size_of(path):
    head = path.read_bytes()[:24]
    assert head[:8] == b"\x89PNG\r\n\x1a\n"
    return struct.unpack(">II", head[16:24])


def test_a_picture_of_hundreds_of_settings_is_small(tmp_path):
    settings, rows = rows_of(600)
    plot(tmp_path / "new" / "sweep.png", settings, rows, title="a sweep")
    assert size_of(tmp_path / "new" / "sweep.png") == tuple(int(side * DPI) for side in INCHES)
    assert 10_000 < (tmp_path / "new" / "sweep.png").stat().st_size < 100_000
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["sweep.png"]


def test_the_same_rows_give_the_same_picture(tmp_path):
    for name in ("a", "b"):
        plot(tmp_path / name, *rows_of(30), title="a sweep")
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    plot(tmp_path / "c", *rows_of(29), title="a sweep")
    assert (tmp_path / "c").read_bytes() != (tmp_path / "a").read_bytes()


def test_one_setting_alone_can_be_drawn(tmp_path):
    plot(tmp_path / "one.png", *rows_of(1), title="one")
    size_of(tmp_path / "one.png")


def test_the_real_sweep_drew_its_picture(swept, place):
    assert swept.image == place / "sweep_quick.png"
    assert min(size_of(swept.image)) > 300


def test_nothing_but_a_picture_needs_matplotlib():
    """Training and the command line start without it."""
    code = "import sys, marquee_training.sweep.run, marquee_cli.main; print('matplotlib' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "False"
