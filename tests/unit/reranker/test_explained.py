"""`POST /v1/explain` over HTTP: the core's words, one call of retrieval, and no recommendation in the metrics."""

import pytest
from fastapi.testclient import TestClient

from marquee.api.contracts import RecommendationRequest, response_json
from marquee.bundle import load
from marquee.errors import RetrievalUnavailable
from marquee.inspect_request import RequestAccount, account
from marquee.pipeline import Pipeline

ASKED = {"tmdb_ids": [1001, 1004, 1007], "top_n": 5}


def test_the_body_is_exactly_what_the_core_says(client, store):
    answer = client.post("/v1/explain", json=ASKED, headers={"X-Request-ID": "mine"})
    expected = account(Pipeline(load(store)), RecommendationRequest(**ASKED), request_id="mine")
    assert answer.status_code == 200
    assert answer.content == response_json(expected)
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "no-store"


def test_it_explains_what_recommendations_answer(client):
    told = RequestAccount.model_validate_json(client.post("/v1/explain", json=ASKED).content)
    shown = client.post("/v1/recommendations", json=ASKED).json()["recommendations"]
    at = {film.shown_at: (film.movie.movie_id, film.affinity_score) for film in told.films if film.shown_at}
    assert [at[place] for place in range(1, 6)] == [(film["movie_id"], film["affinity_score"]) for film in shown]


@pytest.mark.parametrize(
    ("body", "status", "says"),
    [
        ({}, 422, "give at least one film"),
        ({**ASKED, "topn": 5}, 422, "did you mean top_n?"),
        ({**ASKED, "filters": {"genres_any": ["Opera"]}}, 422, "no film has the genre"),
        ({"tmdb_ids": [1001], "disliked_tmdb_ids": [1001]}, 422, "both liked and disliked"),
    ],
)
def test_bad_requests_are_refused_as_for_recommendations(client, body, status, says):
    answers = [client.post(path, json=body).json() for path in ("/v1/explain", "/v1/recommendations")]
    assert [answer["status"] for answer in answers] == [status, status]
    assert says in answers[0]["detail"] == answers[1]["detail"]


def test_get_is_not_possible(client):
    answer = client.get("/v1/explain")
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")


def test_it_is_logged_and_not_counted_as_a_recommendation(make_app, json_logs):
    with TestClient(make_app()) as client:
        version = client.post("/v1/explain", json=ASKED).json()["model_version"]
        value = client.app.state.telemetry.registry.get_sample_value
    (line,) = [line for line in json_logs() if line["event"] == "request"]
    assert (line["route"], line["served_by"], line["n_seeds"], line["n_candidates"]) == (
        *("/v1/explain", "two_tower", 3),
        20,
    )
    assert 0 < line["retrieval_ms"] + line["rerank_ms"] < line["ms"]
    model = {"model_version": version}
    assert value("marquee_recommendations_total", {"served_by": "two_tower", **model}) == 0
    assert value("marquee_requests_total", {"route": "/v1/explain", "method": "POST", "status": "200", **model}) == 1


class Down:
    def candidates(self, seed_movie_ids, k, where):
        raise RetrievalUnavailable("timeout")


def test_without_retrieval_it_tells_of_the_lower_rung(make_app):
    with TestClient(make_app(make_retriever=lambda _: Down())) as client:
        told = client.post("/v1/explain", json=ASKED).json()
    assert (told["served_by"], told["degraded"], told["n_from_tower"]) == ("item_cf", ["retrieval_timeout"], 0)


def test_without_a_bundle(make_app, tmp_path):
    with TestClient(make_app(artifacts=tmp_path / "none")) as client:
        answer = client.post("/v1/explain", json=ASKED)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
