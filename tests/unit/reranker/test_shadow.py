"""A second model is asked after the first one's answers: compared and counted, and never in the way."""

import threading

import pytest
from fastapi.testclient import TestClient

from marquee.api.contracts import RecommendationRequest
from marquee.bundle import load, publish
from marquee.pipeline import Pipeline
from marquee_reranker.shadow import QUEUE

ASKED = {"tmdb_ids": [1001, 1004], "top_n": 10}


@pytest.fixture
def other(store, make_contents):
    """The version of a second bundle, which isn't the current one."""
    shown = load(store).version
    version = publish(store, make_contents(seed=5), force=True, activate=False).manifest.version
    assert load(store).version == shown != version
    return version


@pytest.fixture
def shadowed(make_app, until):
    """`shadowed(model, **settings) -> (client, counts)`; `counts()` are the results so far."""
    running = []

    def run(model, **settings):
        app = make_app(shadow_model=model, shadow_share=1, **settings)
        client = TestClient(app)
        running.append(client.__enter__())
        # Until the model is loaded, or couldn't be.
        loaded = threading.Event()
        app.state.shadow._thread.submit(loaded.set)
        until(loaded.is_set)

        def counts():
            (metric,) = app.state.telemetry.shadow.collect()
            return {
                tuple(sample.labels[name] for name in ("result", "served_by", "model_version")): sample.value
                for sample in metric.samples
                if sample.name.endswith("_total")
            }

        return client, counts

    yield run
    for client in running:
        client.__exit__()


@pytest.fixture
def recommend_by(monkeypatch, other):
    """`recommend_by(act)`: the second model calls `act` before it answers."""
    whole = Pipeline.recommend

    def replace(act):
        def recommend(self, request, **arguments):
            if self.version == other and not request.explain:  # which is the warm-up
                act()
            return whole(self, request, **arguments)

        monkeypatch.setattr(Pipeline, "recommend", recommend)

    return replace


def test_the_other_model_is_asked_and_compared(shadowed, other, store, until):
    client, counts = shadowed(other)
    shown = client.post("/recommend", json=ASKED).json()
    assert shown["model_version"] == load(store).version
    until(lambda: sum(counts().values()) == 1)
    assert counts() == {("ok", "two_tower", other): 1}
    theirs = Pipeline(load(store, other)).recommend(RecommendationRequest(**ASKED))
    both = {film["movie_id"] for film in shown["recommendations"]} & {film.movie_id for film in theirs.recommendations}
    value = client.app.state.telemetry.registry.get_sample_value
    model = {"model_version": other}
    assert value("marquee_shadow_overlap_sum", model) == len(both) / 10
    assert value("marquee_shadow_overlap_count", model) == value("marquee_shadow_duration_seconds_count", model) == 1
    # It is in no other metric.
    assert value("marquee_recommendations_total", {"served_by": "two_tower", **model}) is None
    assert value("marquee_bundle_info", {"version": other}) is None


def test_what_does_not_fit_in_the_queue_is_dropped_and_answers_do_not_wait(shadowed, other, recommend_by, until):
    gate, arrived = threading.Event(), threading.Event()
    recommend_by(lambda: (arrived.set(), gate.wait(60)))
    client, counts = shadowed(other)
    answers = [client.post("/recommend", json=ASKED).status_code for _ in range(QUEUE + 3)]
    assert arrived.wait(60)
    assert answers == [200] * (QUEUE + 3)
    assert counts() == {("dropped", "", ""): 3}
    gate.set()
    until(lambda: counts().get(("ok", "two_tower", other)) == QUEUE)


def test_an_error_is_counted_and_logged_and_changes_no_answer(shadowed, other, recommend_by, json_logs, until):
    recommend_by(lambda: 1 / 0)
    client, counts = shadowed(other)
    answer = client.post("/recommend", json=ASKED)
    assert (answer.status_code, len(answer.json()["recommendations"])) == (200, 10)
    until(counts)
    assert counts() == {("error", "", other): 1}
    (line,) = until(lambda: [line for line in json_logs() if line["event"].startswith("shadow ")])
    assert answer.json()["request_id"] in line["event"]
    assert "ZeroDivisionError" in line["exception"]


def test_a_model_that_is_not_there(shadowed, until):
    client, counts = shadowed("2020-01-01T00-00-00Z-00000000")
    assert client.get("/readyz").status_code == 200
    assert client.post("/recommend", json=ASKED).status_code == 200
    until(counts)
    assert counts() == {("not_ready", "", ""): 1}


def test_the_model_in_use_is_not_asked_twice(shadowed, store, until):
    version = load(store).version
    client, counts = shadowed(version)
    client.post("/recommend", json=ASKED)
    until(counts)
    assert counts() == {("same_version", "", version): 1}


def test_a_stop_drops_what_waits_and_leaves_no_thread(make_app, other, recommend_by, until):
    gate, arrived = threading.Event(), threading.Event()
    recommend_by(lambda: (arrived.set(), gate.wait(60)))
    app = make_app(shadow_model=other, shadow_share=1)
    with TestClient(app) as client:
        for _ in range(4):
            client.post("/recommend", json=ASKED)
        assert arrived.wait(60)
        threading.Thread(target=lambda: (until(lambda: app.state.shadow._thread._shutdown), gate.set())).start()
    names = [thread.name for thread in threading.enumerate()]
    assert not [name for name in names if name.startswith(("shadow", "bundle-watch"))]
    value = app.state.telemetry.registry.get_sample_value
    assert value("marquee_shadow_total", {"result": "ok", "served_by": "two_tower", "model_version": other}) == 1


def test_the_share_of_none_asks_nothing(make_app, other):
    with TestClient(make_app(shadow_model=other, shadow_share=0)) as client:
        client.post("/recommend", json=ASKED)
        assert client.app.state.shadow._room._value == QUEUE
