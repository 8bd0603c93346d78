"""The whole comparison on a small world, our own rows included, and the page that it becomes."""

import json
from pathlib import Path

import pytest

from benchmarks.quality import __main__ as command
from benchmarks.quality import play
from benchmarks.quality.compare import LEADING, compare
from benchmarks.quality.environments import DidNotInstall
from benchmarks.quality.ours import which
from benchmarks.quality.page import page
from benchmarks.quality.play import ProcessFailed, code_hash, ours
from marquee.errors import MarqueeError
from marquee_training.evaluation.protocols import rounds_of
from marquee_training.evaluation.rows import names_of


def test_the_page_names_no_folder_of_this_machine():
    words = ["--data=/home/me/ml", "--folds", "5", "--work", "/home/me/kept", "--opponent", "a", "--opponent", "b"]
    given = command.arguments([*words, "--output", "/home/me/page.md"])
    assert command.shareable(given) == "python -m benchmarks.quality --data DIR --folds 5 --opponent a --opponent b"


def test_a_round_has_the_same_name_however_many_folds_are_run(world):
    """Our own rows are fitted in a process that knows all folds."""
    protocols = ("few-seeds", "temporal", "cold-items")

    def names(folds):
        config = world.config.model_copy(update={"eval_folds_run": folds})
        return [which(round_) for round_ in rounds_of(world.dataset, config, protocols, (1,))]

    assert names(1) == ["fold 1", "temporal", "new films 1"]
    assert set(names(1)) < set(names(3))


@pytest.fixture(scope="module")
def where(tmp_path_factory):
    return tmp_path_factory.mktemp("work")


@pytest.fixture
def run(world, where, opponent, python):
    def python_of(name):
        if name == "nowhere":
            raise DidNotInstall("ERROR: no wheel for this machine")
        return python

    def run():
        config = world.config.model_copy(update={"eval_folds_run": 1})
        opponents = [opponent(name="theirs"), opponent(name="absent", environment="nowhere")]
        report = compare(
            world.dataset,
            config,
            opponents,
            where,
            protocols=("few-seeds", "holdout"),
            seed_counts=(1, 3),
            data=world.folder,
            seconds=60,
            settings=1,
            say=lambda text: None,
            python_of=python_of,
        )
        return report, opponents

    return run


@pytest.mark.slow
def test_all_rows_side_by_side_and_ours_are_kept(run, where, monkeypatch):
    report, opponents = run()
    few, holdout = report["documents"]
    rows = {(row["model"], row["k"]): row for row in few["rows"]}
    assert {model for model, _ in rows} == {*names_of("few-seeds"), "theirs"}
    assert {row["model"] for row in holdout["rows"]} == {*names_of("holdout"), "theirs"}
    for k in (1, 3):
        theirs, popularity = rows["theirs", k], rows["popularity", k]
        assert theirs["metrics"] == popularity["metrics"]
        assert theirs["ci95"] == popularity["ci95"]
        for name in LEADING:
            leads = [
                {m: (own["mean"], own["ci95"]) for m, own in row[f"{name}_lead"].items()}
                for row in (theirs, popularity)
            ]
            assert leads[0] == leads[1]
            lead = theirs[f"{name}_lead"]["ndcg@10"]
            difference = rows[name, k]["metrics"]["ndcg@10"] - theirs["metrics"]["ndcg@10"]
            assert lead["mean"] == pytest.approx(difference, abs=2e-4)
            assert lead["ci95"][0] <= lead["mean"] <= lead["ci95"][1]
            assert rows[name, k]["pipeline_lead"] == rows[name, k]["pipeline_novel_lead"] == {}
    assert report["absent"] == {"absent": "ERROR: no wheel for this machine"}
    assert report["costs"]["ours"]["peak_mib"] > 50

    monkeypatch.setattr(play, "subprocess", None)  # running ours again would fail
    again, _ = run()
    assert again["documents"] == report["documents"]

    text = page({**report, "command": "the command", "date": "today"}, opponents, ["a.png"])
    absent = "**did not install**: ERROR: no wheel"
    for expected in ("the command", absent, "| theirs |", "80 % shown", "with `novelty` 0.5", "![a.png]"):
        assert expected in text
    assert f"{few['rows'][0]['n_users']} people" in text
    assert json.loads(json.dumps(report, allow_nan=False)) == report


def test_ours_run_again_when_our_code_changes(tmp_path):
    for folder in ("src/marquee", "training"):
        (tmp_path / folder).mkdir(parents=True)
    before = code_hash("job", tmp_path)
    (tmp_path / "training" / "new.toml").write_text("a = 1\n", "utf-8")
    after = code_hash("job", tmp_path)
    assert len({before, after, code_hash("other job", tmp_path)}) == 3


def test_an_error_of_our_rows_shows_and_nothing_is_kept(tmp_path):
    job = {
        "data": str(tmp_path / "missing"),
        "name": "",
        "config": {},
        "protocols": [],
        "seeds": [1],
        "round": "fold 1",
    }
    with pytest.raises(ProcessFailed, match="missing"):
        ours(tmp_path, job | {"round": "fold 1"})
    assert not (tmp_path / "ours.stamp").exists()


def test_the_command_line_has_sound_defaults(world):
    given = command.arguments(["--data", str(world.folder), "--folds", "2", "--opponent", "irspack_ials"])
    assert command.configuration(given, 100_000).eval_folds_run == 2
    assert command.configuration(given, 100_000).eval_folds == 5
    one = command.work_folder(given, "a")
    given.folds = 5
    assert command.work_folder(given, "a") == one  # more folds add to what is there
    given.seeds = "5"
    assert command.work_folder(given, "a") != one
    assert command.work_folder(given, "b") != command.work_folder(given, "a")


def test_the_folder_of_ratings_may_come_from_the_environment(monkeypatch):
    monkeypatch.setenv("MARQUEE_DATA_DIR", "ratings")
    assert command.arguments([]).data == Path("ratings")
    assert command.arguments(["--data", "others"]).data == Path("others")
    monkeypatch.delenv("MARQUEE_DATA_DIR")
    assert command.arguments([]).data is None


def test_more_folds_than_there_are_is_an_error():
    with pytest.raises(MarqueeError, match="folds"):
        command.configuration(command.arguments(["--folds", "9"]), 100_000)


def test_plots_that_cannot_be_installed_say_so(monkeypatch):
    def refused(name):
        raise DidNotInstall("no wheel")

    monkeypatch.setattr(command, "environment", refused)
    with pytest.raises(MarqueeError, match="matplotlib did not install"):
        command.draw(Path("report.json"), Path("page.md"))
