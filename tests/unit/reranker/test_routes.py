"""What good requests get."""

import numpy as np
import pytest
from fastapi.testclient import TestClient

from marquee.api.contracts import RecommendationRequest, RecommendationResponse, response_json
from marquee.bundle import load, publish
from marquee.bundle.card import model_card
from marquee.errors import RetrievalUnavailable
from marquee.pipeline import Pipeline

ASKED = {"tmdb_ids": [1001, 1004, 1007], "top_n": 5, "explain": True}


@pytest.mark.parametrize("path", ["/v1/recommendations", "/recommend"])
def test_the_body_is_exactly_what_the_core_says(client, store, path):
    response = client.post(path, json=ASKED, headers={"X-Request-ID": "mine"})
    expected = Pipeline(load(store)).recommend(RecommendationRequest(**ASKED), request_id="mine")
    assert response.status_code == 200
    assert response.content == response_json(expected)
    assert response.headers["content-type"] == "application/json"
    assert response.headers["cache-control"] == "no-store"


def test_the_smallest_request(client):
    response = client.post("/v1/recommendations", json={"tmdb_ids": [1585, 4935, 597, 1001], "top_n": 5})
    answer = RecommendationResponse.model_validate_json(response.content)
    assert len(answer.recommendations) == 5
    assert answer.unknown_ids == [1585, 4935, 597]
    assert answer.served_by == "two_tower"
    assert 1001 not in {film.tmdb_id for film in answer.recommendations}
    response = client.post("/v1/recommendations", json={"tmdb_ids": [1001], "sort": "affinity"})
    scores = [film["affinity_score"] for film in response.json()["recommendations"]]
    assert scores == sorted(scores, reverse=True)


def test_no_known_seed_gets_what_is_popular(client):
    answer = client.post("/recommend", json={"tmdb_ids": [5]}).json()
    assert (answer["served_by"], answer["degraded"]) == ("popularity", ["no_known_seeds"])


def test_search_and_similar(client, store):
    pipeline = Pipeline(load(store))
    found = client.get("/v1/movies", params={"q": "film 1", "limit": 3}).json()
    assert found["movies"] == [film.model_dump() for film in pipeline.films.search("film 1", 3)]
    assert found["model_version"] == pipeline.version
    similar = client.get("/v1/movies/1/similar", params={"top_n": 4}).json()
    assert similar["movies"] == [film.model_dump() for film in pipeline.films.similar(1, 4)]
    assert len(client.get("/v1/movies/1/similar").json()["movies"]) == 10


def test_the_model_card(client, store):
    answer = client.get("/v1/model")
    assert answer.status_code == 200
    assert answer.content == response_json(model_card(load(store).manifest))
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == client.get("/v1/movies?q=film").headers["cache-control"]


def test_the_card_is_sent_again_only_when_it_changed(client, store, make_contents):
    tag = client.get("/v1/model").headers["etag"]
    assert tag.startswith("W/")  # one tag for two encodings of the same answer
    again = client.get("/v1/model", headers={"If-None-Match": tag})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    assert again.headers["cache-control"] == "private, max-age=60"
    new = publish(store, make_contents(seed=9), force=True).manifest.version
    client.app.state.live.check()
    later = client.get("/v1/model", headers={"If-None-Match": tag})
    assert (later.status_code, later.json()["version"]) == (200, new)


def test_without_a_bundle_there_is_no_card(make_app, tmp_path):
    with TestClient(make_app(artifacts=tmp_path / "none")) as client:
        answer = client.get("/v1/model")
        assert answer.status_code == 503
        assert answer.headers["content-type"] == "application/problem+json"
        assert "waiting for a bundle" in answer.json()["detail"]


@pytest.mark.parametrize("sent", ["abc-123", "a b", "~" * 128])
def test_a_good_request_id_is_kept(client, sent):
    response = client.post("/recommend", json=ASKED, headers={"X-Request-ID": sent})
    assert response.headers["x-request-id"] == response.json()["request_id"] == sent


@pytest.mark.parametrize("sent", [b"", b"x" * 129, b"caf\xc3\xa9", b"a\tb"])
def test_a_bad_request_id_is_replaced(client, sent):
    response = client.post("/recommend", json=ASKED, headers=[(b"X-Request-ID", sent)])
    assert response.headers["x-request-id"] == response.json()["request_id"]
    assert len(response.headers["x-request-id"]) == 32


def test_probes(client, store):
    assert client.get("/livez").json() == {"status": "alive"}
    assert client.get("/readyz").json() == {"status": "ready", "model_version": load(store).version}


class Down:
    def candidates(self, seed_movie_ids, k, where):
        raise RetrievalUnavailable("timeout", "no answer within 250 ms")


def test_without_retrieval_we_are_ready_and_answer_from_a_lower_rung(make_app):
    with TestClient(make_app(make_retriever=lambda _: Down())) as client:
        assert client.get("/readyz").status_code == 200
        answer = client.post("/recommend", json=ASKED).json()
        assert answer["served_by"] == "item_cf"
        assert answer["degraded"] == ["retrieval_timeout"]


def test_cors_is_off_by_default_and_on_for_named_origins(client, make_app):
    origin = {"Origin": "https://films.example", "Access-Control-Request-Method": "POST"}
    assert client.options("/recommend", headers=origin).status_code == 405
    assert "access-control-allow-origin" not in client.post("/recommend", json=ASKED, headers=origin).headers
    with TestClient(make_app(cors_origins=["https://films.example"])) as open_client:
        assert open_client.options("/recommend", headers=origin).status_code == 200
        answer = open_client.post("/recommend", json=ASKED, headers=origin)
        assert answer.headers["access-control-allow-origin"] == "https://films.example"
        other = open_client.post("/recommend", json=ASKED, headers={"Origin": "https://other.example"})
        assert "access-control-allow-origin" not in other.headers


def test_scores_of_the_wire_are_finite(client):
    for novelty in np.linspace(0, 1, 5):
        answer = client.post("/recommend", json={**ASKED, "novelty": float(novelty), "diversity": 1}).json()
        assert all(0 <= film["affinity_score"] <= 1 for film in answer["recommendations"])
