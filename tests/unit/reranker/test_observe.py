"""Exactly one log line per request, what it says, and what it never says."""

import pytest
from fastapi.testclient import TestClient

from marquee.pipeline import Pipeline
from marquee_reranker.telemetry import configure_logging

KEYS = {
    *("request_id", "trace_id", "method", "route", "status", "ms", "served_by", "degraded", "n_seeds", "n_candidates"),
    *("retrieval_ms", "rerank_ms", "model_version", "shed", "event", "level", "timestamp"),
}
CANARY = "canary-in-the-body"


def requests_of(lines):
    return [line for line in lines if line["event"] == "request"]


def test_a_line_per_request_with_the_same_keys(make_app, json_logs):
    bad = {"tmdb_ids": [1001], "filters": {"genres_any": [CANARY]}}
    with TestClient(make_app()) as client:
        sent = [
            client.post("/v1/recommendations", json={"tmdb_ids": [1001, 1004], "movie_ids": [7]}),
            client.post("/recommend", json=bad),
            client.post("/recommend", json={CANARY: 1}),
            client.post("/recommend", content=CANARY),
            client.post("/recommend", content=b"x" * 600_000),
            client.get("/v1/movies/1/similar"),
            client.get("/v1/movies?q=film"),
            client.get("/livez"),
            client.get("/"),
            client.get("/no/such/thing"),
            client.delete("/recommend"),
        ]
    lines = requests_of(json_logs())
    assert [line["request_id"] for line in lines] == [answer.headers["x-request-id"] for answer in sent]
    assert [line["status"] for line in lines] == [answer.status_code for answer in sent]
    assert [line["route"] for line in lines] == [
        "/v1/recommendations",
        *("/recommend",) * 4,
        *("/v1/movies/{movie_id}/similar", "/v1/movies", "/livez", "/", "unmatched", "/recommend"),
    ]
    assert all(set(line) == KEYS for line in lines)
    assert CANARY not in str(json_logs())


def test_a_recommendations_line_tells_how_it_came_about(make_app, json_logs):
    with TestClient(make_app()) as client:
        answer = client.post("/recommend", json={"tmdb_ids": [1001, 1004], "movie_ids": [7]}).json()
    (line,) = requests_of(json_logs())
    assert line["served_by"] == "two_tower"
    assert line["degraded"] == []
    assert (line["n_seeds"], line["n_candidates"]) == (3, 20)
    assert line["model_version"] == answer["model_version"]
    assert 0 < line["retrieval_ms"] + line["rerank_ms"] < line["ms"]
    assert line["shed"] is None


def test_a_fault_of_ours_is_500_without_a_trace_that_is_in_the_log(make_app, json_logs, monkeypatch):
    def fail(*_args, **_kwargs):
        raise ZeroDivisionError("the secret of the house")

    with TestClient(make_app()) as client:
        monkeypatch.setattr(Pipeline, "recommend", fail)
        answer = client.post("/recommend", json={"tmdb_ids": [1001]})
    assert answer.status_code == 500
    assert answer.headers["content-type"] == "application/problem+json"
    assert "secret" not in answer.text
    assert "Traceback" not in answer.text
    (line,) = requests_of(json_logs())
    assert (line["status"], line["level"], line["request_id"]) == (500, "error", answer.json()["request_id"])
    assert "ZeroDivisionError: the secret of the house" in line["exception"]
    assert "Traceback" in line["exception"]


def test_invented_paths_and_methods_make_no_new_series(client):
    for path in ("/a", "/b", "/wp-admin", "/v1/movies/5/x"):
        client.get(path)
    for method in ("BREW", "SPY"):
        client.request(method, "/v1/movies?q=film")
    client.get("/v1/movies/1/similar")
    client.get("/v1/movies/4/similar")
    series = {
        tuple(sample.labels[name] for name in ("route", "method", "status"))
        for metric in client.app.state.telemetry.registry.collect()
        for sample in metric.samples
        if sample.name == "marquee_requests_total"
    }
    assert series == {
        ("unmatched", "GET", "404"),
        ("/v1/movies", "other", "405"),
        ("/v1/movies/{movie_id}/similar", "GET", "200"),
    }


def test_metrics_of_a_recommendation(client):
    version = client.post("/recommend", json={"tmdb_ids": [1001]}).json()["model_version"]
    client.post("/recommend", json={"tmdb_ids": [5]})
    client.post("/recommend", json={})
    value = client.app.state.telemetry.registry.get_sample_value
    model = {"model_version": version}
    assert value("marquee_recommendations_total", {"served_by": "two_tower", **model}) == 1
    assert value("marquee_recommendations_total", {"served_by": "item_cf", **model}) == 0  # there before the first one
    assert value("marquee_recommendations_total", {"served_by": "popularity", **model}) == 1
    assert value("marquee_degraded_total", {"reason": "no_known_seeds", **model}) == 1
    for name in ("candidates", "retrieval_duration_seconds", "rerank_duration_seconds"):
        assert value(f"marquee_{name}_count") == 2
    assert value("marquee_request_duration_seconds_count", {"route": "/recommend", **model}) == 2
    assert value("marquee_request_duration_seconds_count", {"route": "/recommend", "model_version": ""}) == 1


@pytest.mark.parametrize("log_format", ["json", "console"])
def test_both_forms_of_log_can_be_set_up(log_format, json_logs, capsys):
    assert configure_logging(log_format) is (log_format == "json")
    assert configure_logging("auto") is True  # the captured output is no terminal
