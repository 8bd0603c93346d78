"""Each way to serve the model on SageMaker: in its container's layout, the answers are ExactSearch's, to the byte."""

import json
import os
import shutil
import signal
from pathlib import Path

import numpy as np
import pytest

from marquee.exact_search import ExactSearch
from marquee.retrieval import Query, Where
from marquee.wire import ask, read_answer

from .conftest import start_toolkit, stop, until


def queries(bundle, n=40):
    rng = np.random.default_rng(11)
    movies = bundle.catalog.movie_ids
    names = bundle.catalog.genre_names
    for _ in range(n):
        where = Where(
            genres_any=names[:2] if rng.random() < 0.3 else (),
            genres_none=names[3:4] if rng.random() < 0.3 else (),
            year_min=int(rng.integers(1950, 1990)) if rng.random() < 0.3 else None,
            exclude_movie_ids=tuple(int(movie) for movie in rng.choice(movies, rng.integers(0, 8), replace=False)),
        )
        seeds = rng.choice(movies, rng.integers(1, 12), replace=False)
        yield Query(tuple(int(movie) for movie in seeds), int(rng.integers(1, 300)), where)


@pytest.mark.parametrize("protocol", ["v1", "v2"])
def test_the_same_ids_and_scores_as_exact_search(container, bundle, protocol):
    search = ExactSearch(bundle)
    for query in queries(bundle):
        status, body = container.invoke(ask(query, protocol, bundle.version))
        assert status == 200, body
        found = read_answer(body, protocol, query.k)
        expected = search.candidates(query.seed_movie_ids, query.k, query.where)
        assert found.model_version == bundle.version
        assert found.movie_ids.tobytes() == expected.movie_ids.tobytes()
        assert found.scores.tobytes() == expected.scores.tobytes()


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        (b'{"instances": [{"movie_ids": []}]}', "instances[0].movie_ids"),
        (b'{"instances": [{"movie_ids": [1], "k": 0}]}', "instances[0].k"),
        (b'{"instances": [{"movie_ids": [1], "genres_any": ["Opera"]}]}', "'Opera'"),
        (b'{"instances": ', "not JSON"),
        (b'{"seeds": [1]}', "neither instances (V1) nor inputs"),
        (b"[" * 10_000, "not JSON"),
    ],
)
def test_bad_requests_are_told_what_is_wrong_without_a_stack_trace(container, body, complaint):
    status, answer = container.invoke(body)
    assert status == 400, answer
    assert complaint in json.loads(answer)["error"]
    assert b"Traceback" not in answer


def test_another_content_type_is_read_as_json_too(container):
    status, _ = container.request("POST", "/invocations", b'{"instances": [{"movie_ids": [1]}]}', "application/x-thing")
    assert status == 200


def test_ping_and_what_is_not_served(container):
    assert container.request("GET", "/ping")[0] == 200
    assert container.invoke(b'{"instances": [{"movie_ids": [1]}], "model_version": "an-older-one"}')[0] == 200


@pytest.mark.slow
def test_it_ends_in_time_and_needs_no_network(model_folder, tmp_path):
    started = start_toolkit(model_folder, tmp_path)
    until(started.ready)
    devices = Path(f"/proc/{started.process.pid}/net/dev").read_text().splitlines()[2:]
    assert [line.split(":")[0].strip() for line in devices] == ["lo"]
    assert stop(started) in (0, -signal.SIGTERM)


@pytest.mark.slow
def test_a_damaged_model_never_answers(model_folder, tmp_path):
    copy = tmp_path / "model"
    shutil.copytree(model_folder, copy)
    (tower,) = copy.rglob("two_tower.safetensors")
    raw = bytearray(tower.read_bytes())
    raw[-1] ^= 1
    tower.write_bytes(raw)
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    started = start_toolkit(copy, scratch)
    try:
        until(lambda: "was altered" in started.log.read_text(errors="replace"))
        assert not started.ready()
    finally:
        os.killpg(started.process.pid, signal.SIGKILL)
        started.process.wait(10)
