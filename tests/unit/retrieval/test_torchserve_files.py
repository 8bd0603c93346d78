"""What TorchServe is given: an archive of code only, and a configuration that lets nothing else in."""

import zipfile

import numpy as np
import pytest
import torch

from marquee.errors import ConfigError
from marquee.retrieval.exact import ExactSearch
from marquee.retrieval.port import Query, Where
from marquee.settings import Settings
from marquee_torchserve import archive, start
from marquee_torchserve.shortlist import torch_shortlist


def properties(text):
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    assert len({line.partition("=")[0] for line in lines}) == len(lines), "a key twice"
    return dict(line.split("=", 1) for line in lines)


def test_the_archive_holds_code_only_and_is_reproducible(tmp_path):
    first, second = archive.build(tmp_path / "a"), archive.build(tmp_path / "b")
    assert first.read_bytes() == second.read_bytes()
    names = zipfile.ZipFile(first).namelist()
    assert sorted(names) == ["MAR-INF/MANIFEST.json", "handler.py", "model-config.yaml"]
    assert first.stat().st_size < 10_000


def test_the_handler_is_short():
    assert len((archive.HERE / "handler.py").read_text().splitlines()) <= 150


def test_only_inference_and_metrics_are_reachable():
    found = properties((start.HERE / "config.properties").read_text())
    assert found["enable_model_api"] == "false"
    assert found["install_py_dep_per_model"] == "false"
    assert found["enable_envvars_config"] == "false"
    assert found["grpc_inference_address"] == found["grpc_management_address"] == "127.0.0.1"
    assert found["decode_input_request"] == "false"
    assert found["metrics_mode"] == "prometheus"
    assert found["default_workers_per_model"] == "1"
    assert int(found["job_queue_size"]) <= 64
    assert int(found["max_request_size"]) <= 1024 * 1024
    assert "invalid" in found["allowed_urls"]


def test_the_command_line_is_the_jvm_itself(tmp_path, monkeypatch):
    home = tmp_path / "site" / "ts"
    home.mkdir(parents=True)
    (home / "__init__.py").write_text("")
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    monkeypatch.setattr("shutil.which", lambda _: "/usr/bin/java")
    command = start.command(Settings(host="127.0.0.1", port=1234, metrics_port=1235), tmp_path)
    assert command[0] == "/usr/bin/java"
    assert "org.pytorch.serve.ModelServer" in command
    assert command[-1] == "-ncs"  # no snapshots: the root file system is read-only
    written = properties((tmp_path / "config.properties").read_text())
    assert written["inference_address"] == "http://127.0.0.1:1234"
    assert written["metrics_address"] == "http://127.0.0.1:1235"
    assert written["management_address"].startswith("unix:")
    assert (tmp_path / "store" / "two_tower.mar").exists()


def test_without_java_it_names_the_fix(tmp_path, monkeypatch):
    monkeypatch.setattr("shutil.which", lambda _: None)
    with pytest.raises(ConfigError, match="java is not installed"):
        start.command(Settings(), tmp_path)


def test_torch_finds_what_numpy_finds(make_contents):
    contents = make_contents(n_movies=400, seed=8, dimensions=32)
    on_torch = ExactSearch(contents, torch_shortlist(contents.two_tower, torch.device("cpu")))
    on_numpy = ExactSearch(contents)
    rng = np.random.default_rng(3)
    few = tuple(int(movie) for movie in contents.catalog.movie_ids[5:])
    queries = [
        *(Query(tuple(map(int, rng.choice(few, 5))), int(rng.integers(1, 500))) for _ in range(20)),
        Query((1, 4), 300, Where(exclude_movie_ids=few)),  # fewer films than k are allowed
        Query((1,), 1, Where(genres_any=("Horror",), year_max=1960)),
    ]
    for left, right in zip(on_torch.batch(queries), on_numpy.batch(queries), strict=True):
        assert left.movie_ids.tobytes() == right.movie_ids.tobytes()
        assert left.scores.tobytes() == right.scores.tobytes()
