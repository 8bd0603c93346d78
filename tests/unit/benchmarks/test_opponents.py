"""The list of opponents, and their environments."""

from types import SimpleNamespace

import pytest

from benchmarks.quality import environments
from benchmarks.quality.environments import DidNotInstall, environment, one_thread, versions
from benchmarks.quality.opponents import HERE, chosen, expand, read_opponents
from marquee.errors import ConfigError


def test_every_opponent_has_its_model_its_pins_and_a_search():
    opponents = read_opponents()
    assert {who.environment for who in opponents} == {"implicit", "irspack", "lenskit", "rectools"}
    for who in opponents:
        text = who.code.read_text("utf-8")
        assert f"class {who.model.rsplit(':', 1)[1]}" in text
        pins = (HERE / "requirements" / f"{who.environment}.txt").read_text("utf-8")
        assert all("==" in line for line in pins.splitlines() if not line.startswith("#"))
        assert len(who.settings) >= 8
        assert "few-seeds" in who.protocols


def test_the_published_setting_comes_first():
    first = {who.name: who.settings[0] for who in read_opponents()}
    assert first["irspack_ials"] == {"n_components": 128, "alpha0": 0.3, "reg": 0.007}
    assert first["rectools_ease"] == {"regularization": 500.0}
    assert first["lenskit_ials"] == {"embedding_size": 50, "weight": 40.0, "regularization": 0.1}


def test_grids_are_all_combinations_and_none_twice():
    assert expand([{"a": [1, 2], "b": [3]}, {"a": [2], "b": [3, 4]}]) == (
        {"a": 1, "b": 3},
        {"a": 2, "b": 3},
        {"a": 2, "b": 4},
    )


def test_a_wrong_key_is_an_error(tmp_path):
    path = tmp_path / "opponents.toml"
    path.write_text('[x]\nmodel = "m.py:X"\ngrid = [{a = [1]}]\ncolour = 1\n', "utf-8")
    with pytest.raises(ConfigError, match="colour"):
        read_opponents(path)


def test_an_unknown_name_is_an_error_that_lists_the_known_ones():
    opponents = read_opponents()
    assert [who.name for who in chosen(opponents, ["irspack_ials"])] == ["irspack_ials"]
    assert chosen(opponents, None) == opponents
    with pytest.raises(ConfigError, match="implicit_bpr"):
        chosen(opponents, ["nobody"])


@pytest.mark.slow
def test_an_environment_is_made_once(tmp_path, monkeypatch):
    requirements = tmp_path / "requirements"
    requirements.mkdir()
    (requirements / "one.txt").write_text("iniconfig\n", "utf-8")
    python = environment("one", tmp_path / "envs", requirements)
    assert set(versions(python)) == {"iniconfig"}
    monkeypatch.setattr(environments, "subprocess", None)  # a second time would fail
    assert environment("one", tmp_path / "envs", requirements) == python


def test_what_does_not_install_says_why(tmp_path, monkeypatch):
    (tmp_path / "bad.txt").write_text("x==1\n", "utf-8")
    outcomes = [
        SimpleNamespace(returncode=0),
        SimpleNamespace(returncode=1, stderr="warning\nERROR: no wheel", stdout=""),
    ]
    monkeypatch.setattr(environments.subprocess, "run", lambda *_, **__: outcomes.pop(0))
    with pytest.raises(DidNotInstall, match="ERROR: no wheel"):
        environment("bad", tmp_path, tmp_path)
    assert not (tmp_path / "bad" / "ready").exists()


def test_children_have_one_thread():
    assert one_thread()["OMP_NUM_THREADS"] == "1"
