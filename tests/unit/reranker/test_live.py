"""Bundles that come and go while the server runs."""

import json
import threading

import httpx2
from fastapi.testclient import TestClient

from marquee.api.contracts import RecommendationRequest
from marquee.bundle import load, publish
from marquee.pipeline import Pipeline

ASKED = {"tmdb_ids": [1001, 1004, 1007], "top_n": 10}


def test_starts_without_a_bundle_says_so_and_gets_ready_by_itself(make_app, make_contents, tmp_path, until):
    empty = tmp_path / "empty"
    with TestClient(make_app(artifacts=empty, reload_seconds=0.02)) as client:
        assert client.get("/livez").status_code == 200
        for answer in (client.get("/readyz"), client.post("/recommend", json=ASKED), client.get("/v1/movies?q=a")):
            assert answer.status_code == 503
            assert answer.headers["content-type"] == "application/problem+json"
            assert answer.headers["retry-after"] == "1"
            assert (answer.json()["code"], str(empty) in answer.json()["detail"]) == ("not_ready", True)
        assert client.get("/").status_code == 200
        assert client.post("/recommend", json={}).status_code == 422  # bad requests are bad all the same
        publish(empty, make_contents(), force=True)
        until(lambda: client.get("/readyz").status_code == 200)
        assert client.post("/recommend", json=ASKED).status_code == 200


def test_hot_reload_under_load_no_errors_no_mixed_versions(make_app, run_app, store, make_contents, until):
    expected = {}

    def remember():
        pipeline = Pipeline(load(store))
        answer = pipeline.recommend(RecommendationRequest(**ASKED))
        expected[pipeline.version] = [film.model_dump(exclude_none=True) for film in answer.recommendations]
        return pipeline.version

    remember()
    url = run_app(make_app(reload_seconds=0.02))
    answers, failures, stop = [], [], threading.Event()

    def ask():
        with httpx2.Client(timeout=120) as client:
            while not stop.is_set():
                try:
                    answer = client.post(f"{url}/recommend", json=ASKED)
                    answers.append((answer.status_code, answer.json()))
                except httpx2.TransportError as error:
                    failures.append(error)

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        until(lambda: answers)  # the first version has to be among those that are seen
        for seed in range(1, 6):
            publish(store, make_contents(seed=seed), force=True)
            version = remember()
            until(lambda version=version: any(answer["model_version"] == version for _, answer in answers[-20:]))
    finally:
        stop.set()
        for thread in threads:
            thread.join(150)
    assert not failures
    assert {status for status, _ in answers} == {200}
    assert {answer["model_version"] for _, answer in answers} == set(expected)
    assert len(expected) == 6
    for _, answer in answers:
        assert answer["recommendations"] == expected[answer["model_version"]]


def test_a_bad_bundle_is_refused_counted_and_logged_once(make_app, store, make_contents, json_logs):
    app = make_app(reload_seconds=3600)
    with TestClient(app) as client:
        good = client.get("/readyz").json()["model_version"]
        bad = publish(store, make_contents(seed=9), force=True)
        vectors = bad.path / "two_tower.safetensors"
        vectors.write_bytes(vectors.read_bytes()[:-1] + b"\x55")
        for _ in range(3):
            app.state.live.check()
        assert client.get("/readyz").json()["model_version"] == good
        assert client.post("/recommend", json=ASKED).json()["model_version"] == good
    value = app.state.telemetry.registry.get_sample_value
    assert value("marquee_bundle_loads_total", {"result": "refused"}) == 1
    assert value("marquee_bundle_loads_total", {"result": "swapped"}) == 1
    assert value("marquee_bundle_info", {"version": good}) == 1
    complaints = [line for line in json_logs() if "refused" in line["event"]]
    assert len(complaints) == 1
    assert "two_tower.safetensors" in json.dumps(complaints)


def test_a_bundle_that_fails_its_warm_up_is_refused(make_app, store, make_contents):
    class Broken:
        def candidates(self, seed_movie_ids, k, where):
            raise ZeroDivisionError

    retrievers = iter([None, Broken()])
    app = make_app(make_retriever=lambda _: next(retrievers), reload_seconds=3600)
    with TestClient(app) as client:
        good = client.get("/readyz").json()["model_version"]
        publish(store, make_contents(seed=9), force=True)
        assert app.state.live.check() == "refused"
        assert client.post("/recommend", json=ASKED).json()["model_version"] == good


def test_the_metric_names_one_version_only(make_app, store, make_contents):
    app = make_app(reload_seconds=3600)
    with TestClient(app):
        new = publish(store, make_contents(seed=3), force=True).manifest.version
        assert app.state.live.check() == "swapped"
        assert app.state.live.get().version == new
    (info,) = [metric for metric in app.state.telemetry.registry.collect() if metric.name == "marquee_bundle_info"]
    assert [(sample.labels["version"], sample.value) for sample in info.samples] == [(new, 1.0)]


def test_at_the_start_a_bad_current_bundle_falls_back_to_the_one_before(make_app, store, make_contents):
    good = load(store).version
    bad = publish(store, make_contents(seed=9), force=True)
    (bad.path / "two_tower.safetensors").write_bytes(b"")
    app = make_app()
    with TestClient(app) as client:
        assert client.get("/readyz").json()["model_version"] == good
    assert app.state.telemetry.registry.get_sample_value("marquee_bundle_loads_total", {"result": "fell_back"}) == 1


def test_the_reloader_outlives_surprises(make_app, monkeypatch, until):
    app = make_app(reload_seconds=0.01)
    calls = []

    def fail():
        calls.append(1)
        raise ZeroDivisionError

    with TestClient(app) as client:
        monkeypatch.setattr(app.state.live, "check", fail)
        until(lambda: len(calls) >= 3)
        assert client.get("/readyz").status_code == 200
