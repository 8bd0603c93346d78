"""Ratings over HTTP: rows find their films, and hundreds of ratings are a request."""

import pytest
from fastapi.testclient import TestClient

from marquee.api.contracts import MAX_RATINGS
from marquee.bundle import publish
from marquee.ratings import read_export
from tests.exports import ODD, bundle_of, films_of, letterboxd_zip


@pytest.fixture(scope="module")
def bundle(make_contents):
    return bundle_of(make_contents(1000))


@pytest.fixture
def store(tmp_path, bundle):
    publish(tmp_path / "store", bundle, force=True)
    return tmp_path / "store"


def test_an_export_is_resolved_and_recommended_for(client: TestClient, bundle):
    given = [*films_of(bundle, 900), *(film for film, _ in ODD)]
    rows = [row.model_dump(mode="json", exclude_defaults=True) for row in read_export(letterboxd_zip(given)).rows]
    resolved = client.post("/v1/resolve", json={"rows": rows}).json()
    assert len(resolved["films"]) == 900 + sum(row is not None for _, row in ODD)
    assert [[film["title"] for film in doubt["choices"]] for doubt in resolved["doubts"]] == [
        ["Dune", "Dune"],
        ["Blade Runner"],
    ]
    assert [rows[at]["title"] for at in resolved["unknown"]] == ["Tenet", "Us"]
    assert resolved["films"][-1]["movie"]["imdb_id"] == "tt0407304"
    assert 1 <= resolved["films"][0]["popularity_rank"] <= 1000
    ratings = [
        {"movie_id": found["movie"]["movie_id"], "stars": rows[found["row"]]["stars"], "at": rows[found["row"]]["at"]}
        for found in resolved["films"]
    ]
    answer = client.post("/v1/recommendations", json={"ratings": ratings, "top_n": 50, "explain": True})
    assert answer.status_code == 200
    films = answer.json()["recommendations"]
    assert films
    assert not {film["movie_id"] for film in films} & {rating["movie_id"] for rating in ratings}


@pytest.mark.parametrize(
    ("path", "body", "words"),
    [
        ("/v1/resolve", {"rows": [{"year": 1995}]}, "give each film an id, or a row its title"),
        ("/v1/resolve", {"rows": [{"title": "x"}] * (MAX_RATINGS + 1)}, "rows: has 2001 entries"),
        ("/v1/resolve", {"row": []}, "did you mean rows?"),
        (
            "/v1/recommendations",
            {"ratings": [{"movie_id": 1, "stars": 11}]},
            "ratings[0].stars: must be a number from 0.5 to 5",
        ),
        ("/v1/recommendations", {"ratings": [{"movie_id": 1}] * (MAX_RATINGS + 1)}, "ratings: has 2001 entries"),
        ("/v1/recommendations", {"imdb_ids": ["0133093"]}, "imdb_ids[0]"),
    ],
)
def test_bad_ones_are_refused_with_a_fix(client, path, body, words):
    refused = client.post(path, json=body)
    assert refused.status_code == 422
    assert words in refused.json()["detail"]
