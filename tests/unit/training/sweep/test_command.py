"""`marquee sweep` as a person uses it."""

from functools import partial

import pandas as pd
import pytest

from marquee_cli.train import print_sweep
from marquee_training.data.synthetic import write_movielens
from marquee_training.sweep.grid import SIZES
from tests.programs import run_marquee


@pytest.fixture
def run(monkeypatch, capsys, dataset, config, tmp_path):
    """`run("--size", "quick") -> (exit code, stdout, stderr)`, on the made-up world, in a folder of its own."""
    folder = tmp_path / "data"
    write_movielens(dataset, folder)
    keys = config.model_dump(exclude_defaults=True) | {"eval_folds_run": 1, "validation_share": 0.3, "epochs": 2}
    (tmp_path / "mine.toml").write_text("".join(f"{name} = {value}\n" for name, value in keys.items()))
    monkeypatch.setitem(SIZES, "quick", [{"diversity": [0.0, 0.8]}])
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")

    return partial(run_marquee, monkeypatch, capsys, "sweep", "--data", folder, "--config", "mine.toml")


def test_it_writes_a_table_and_a_plot_and_says_what_dials_cost(run, tmp_path):
    code, out, err = run("--jobs", "1")
    assert code == 0, err
    table = pd.read_csv(tmp_path / "eval" / "sweep_quick.csv")
    assert table["diversity"].tolist()[1:] == [0.0, 0.8]
    assert (tmp_path / "eval" / "sweep_quick.png").read_bytes()[:4] == b"\x89PNG"
    assert "accuracy for ILD: nothing beats these" in out
    assert "validation people" in out
    assert out.rstrip().endswith("wrote eval/sweep_quick.csv, eval/sweep_quick.final.csv, eval/sweep_quick.png")
    assert "sweep quick:" in err


def test_without_a_plot_and_elsewhere(run, tmp_path):
    code, out, err = run("--no-plot", "--output", "mine.csv", "--jobs", "1", "--quiet")
    assert code == 0, err
    assert err == ""
    assert out.rstrip().endswith("wrote mine.csv, mine.final.csv")
    assert not list(tmp_path.glob("*.png"))


@pytest.mark.parametrize(
    ("option", "value", "words"), [("--size", "huge", "no sweep is called"), ("--jobs", "0", "fix:")]
)
def test_mistakes_end_with_2_and_a_fix(run, tmp_path, option, value, words):
    code, _, err = run(option, value)
    assert code == 2
    assert words in err
    assert not (tmp_path / "eval").exists()


def test_every_trade_off_is_printed(swept, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    print_sweep(swept)
    out = capsys.readouterr().out
    for what in ("ILD", "coverage", "median popularity"):
        assert f"accuracy for {what}: nothing beats these" in out
    assert out.count("as configured") >= 3
    assert "cross-fitted" in out
