"""What SageMaker asks of a container beside its answers (those are in test_contract.py)."""

import json
import shutil
import threading
import time
from pathlib import Path

import pytest

from marquee.retrieval.exact import ExactSearch
from marquee.retrieval.port import Where
from tests.aws.runtimes.containers import PROBE, STARTS, started
from tests.waiting import until

IN_A_FRAME = ["toolkit", "ours"]


def test_ping(container):
    answer = container.client.get("/ping")
    assert answer.status_code == 200


def test_content_types_and_headers_make_no_difference(container):
    expected = container.invoke(PROBE)
    given = {
        "Content-Type": "application/x-thing",
        "X-Amzn-SageMaker-Custom-Attributes": "X-Request-ID=1",
        "X-Odd": "1",
    }
    assert container.invoke(PROBE, **given).content == expected.content


@pytest.mark.parametrize("body", [b"", b"{", b'{"instances": [{"movie_ids": ["\\ud800"]}]}'])
def test_bad_bodies_get_no_stack_trace(container, body):
    answer = container.invoke(body)
    assert answer.status_code == 400, answer.text
    assert "Traceback" not in answer.text
    assert answer.json()["error"]


# The toolkit decodes by itself, and fails with a stack trace before it asks us.
@pytest.mark.parametrize("container", ["ours", "image"], indirect=True)
def test_what_is_no_text_is_a_bad_request(container):
    assert container.invoke(b"\xff\xfe").status_code == 400


def test_a_caller_with_another_bundle_is_told_which_one_answered(container, bundle):
    answer = container.invoke(b'{"instances": [{"movie_ids": [1]}], "model_version": "an-older-one"}')
    assert (answer.status_code, answer.json()["model_version"]) == (200, bundle.version)


def test_many_at_once(container, bundle):
    search = ExactSearch(bundle)
    movies = [int(movie) for movie in bundle.catalog.movie_ids[:32]]
    answers = {}

    def ask(movie):
        answers[movie] = container.invoke(json.dumps({"instances": [{"movie_ids": [movie], "k": 50}]}))

    threads = [threading.Thread(target=ask, args=[movie]) for movie in movies]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for movie in movies:
        expected = search.candidates([movie], 50, Where())
        assert answers[movie].json()["predictions"][0]["movie_ids"] == expected.movie_ids.tolist()


@pytest.mark.parametrize("kind", IN_A_FRAME)
def test_it_needs_no_network_and_ends_in_time(kind, model_folder, tmp_path):
    with started(kind, model_folder, tmp_path) as running:
        devices = Path(f"/proc/{running.main}/net/dev").read_text().splitlines()[2:]
        assert [line.split(":")[0].strip() for line in devices] == ["lo"]
        before = time.monotonic()
        assert running.stop() == 0, running.log.read_text()[-2000:]
        assert time.monotonic() - before < 30  # then SageMaker kills


@pytest.mark.parametrize("kind", IN_A_FRAME)
def test_a_damaged_model_never_answers(kind, model_folder, tmp_path):
    copy, scratch = tmp_path / "model", tmp_path / "scratch"
    shutil.copytree(model_folder, copy)
    scratch.mkdir()
    (tower,) = copy.rglob("two_tower.safetensors")
    raw = bytearray(tower.read_bytes())
    raw[-1] ^= 1
    tower.write_bytes(raw)
    running = STARTS[kind](copy, scratch)
    try:
        until(lambda: "was altered" in running.log.read_text(errors="replace"), 120)
        assert running.process.poll() is not None or not running.answers()
    finally:
        running.kill()


# TorchServe has routes and limits of its own.
@pytest.mark.parametrize("container", ["ours", "image"], indirect=True)
def test_only_two_routes_and_bodies_of_a_megabyte(container):
    assert container.client.get("/models").status_code == 404
    assert container.client.get("/invocations").status_code == 404
    assert container.client.get("/ping").content == b""
    answer = container.invoke(b" " * (1024 * 1024 + 1))
    assert answer.status_code == 413
    assert "send fewer instances" in answer.json()["error"]
    assert container.invoke(PROBE).status_code == 200
