"""One film, films to begin with, and what may be kept of them."""

import gzip

import pytest

from marquee.api.contracts import MovieDetails, MovieList
from marquee.bundle import load, publish
from marquee.films import well_known
from marquee.pipeline import Pipeline

KEPT = ["/v1/movies?q=film", "/v1/movies/1", "/v1/movies/1/similar", "/v1/movies/sample?seed=7", "/v1/model"]


def test_a_film_and_how_liked_it_is(client, store):
    answer = client.get("/v1/movies/4")
    assert MovieDetails.model_validate_json(answer.content) == Pipeline(load(store)).films.details(4)


def test_an_unknown_film_is_404(client):
    problem = client.get("/v1/movies/2").json()
    assert (problem["status"], problem["code"]) == (404, "unknown_movie")


def test_a_sample_by_seed_is_always_the_same_and_may_be_kept(client, store):
    answer = client.get("/v1/movies/sample?n=5&seed=7&genre=Horror")
    films = MovieList.model_validate_json(answer.content).movies
    catalog = load(store).catalog
    assert [film.movie_id for film in films] == [
        int(catalog.movie_ids[row]) for row in well_known(catalog, 5, seed=7, genre="Horror")
    ]
    assert answer.headers["cache-control"] == "private, max-age=60"


def test_a_sample_without_a_seed_is_a_new_draw_that_nobody_keeps(client):
    answers = [client.get("/v1/movies/sample") for _ in range(5)]
    assert {answer.headers["cache-control"] for answer in answers} == {"no-store"}
    assert not any("etag" in answer.headers for answer in answers)
    assert len({answer.text for answer in answers}) > 1
    assert len(answers[0].json()["movies"]) == 12


@pytest.mark.parametrize("query", ["n=0", "n=51", "seed=-1", "seed=x", "genre=", "size=3"])
def test_bad_samples_are_refused_by_field(client, query):
    problem = client.get(f"/v1/movies/sample?{query}").json()
    assert (problem["code"], problem["errors"][0]["field"]) == ("invalid_field", query.split("=")[0])


def test_a_sample_of_an_unknown_genre_names_those_that_exist(client):
    problem = client.get("/v1/movies/sample?genre=Westernn").json()
    assert problem["code"] == "unknown_genre"
    assert "Action, Comedy, Drama, Horror" in problem["detail"]


@pytest.mark.parametrize("path", KEPT)
def test_what_did_not_change_is_not_sent_again(client, store, make_contents, path):
    first = client.get(path)
    tag = first.headers["etag"]
    for asked in (tag, tag.removeprefix("W/"), f'"other", {tag}', "*"):
        again = client.get(path, headers={"If-None-Match": asked})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
        assert again.headers["cache-control"] == "private, max-age=60"
    assert client.get(path, headers={"If-None-Match": '"other"'}).content == first.content
    publish(store, make_contents(seed=9), force=True)
    client.app.state.live.check()
    assert client.get(path, headers={"If-None-Match": tag}).status_code == 200


@pytest.mark.parametrize("path", [*KEPT, "/v1/model", "/readyz", "/livez"])
def test_head_is_answered_wherever_get_is(client, path):
    got, head = client.get(path), client.head(path)
    assert head.status_code == 200
    kept = ("content-length", "etag", "cache-control", "content-type")
    assert [head.headers.get(name) for name in kept] == [got.headers.get(name) for name in kept]
    assert client.head("/recommend").status_code == 405


def test_long_answers_are_compressed_for_those_who_can_read_it(client):
    plain = client.get("/v1/movies?q=film&limit=50", headers={"Accept-Encoding": "identity"})
    assert "content-encoding" not in plain.headers
    with client.stream("GET", "/v1/movies?q=film&limit=50", headers={"Accept-Encoding": "gzip"}) as answer:
        sent = b"".join(answer.iter_raw())
    assert answer.headers["content-encoding"] == "gzip"
    assert "Accept-Encoding" in answer.headers["vary"]
    assert gzip.decompress(sent) == plain.content
    assert len(sent) < len(plain.content) / 3


def test_short_answers_are_sent_as_they_are(client):
    answer = client.get("/v1/movies?q=film&limit=2", headers={"Accept-Encoding": "gzip"})
    assert len(answer.content) < 1024
    assert "content-encoding" not in answer.headers


def is_newer_drama_or_horror(film):
    return film["year"] >= 1980 and {"Drama", "Horror"} & set(film["genres"])


@pytest.mark.parametrize(
    ("query", "fits"),
    [
        ("genres_any=Horror&genres_any=comedy", lambda film: {"Horror", "Comedy"} & set(film["genres"])),
        ("genres_none=Drama", lambda film: "Drama" not in film["genres"]),
        ("year_min=1980&year_max=1999", lambda film: 1980 <= film["year"] <= 1999),
        ("where=year%3E%3D1980&where=genre=drama&where=genre=Horror", is_newer_drama_or_horror),
    ],
)
def test_films_like_one_pass_the_filters(client, query, fits):
    answer = client.get(f"/v1/movies/1/similar?top_n=5&{query}")
    assert answer.status_code == 200, answer.text
    films = answer.json()["movies"]
    every = client.get("/v1/movies/1/similar?top_n=100").json()["movies"]
    assert films == [film for film in every if fits(film)][:5] != []


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("genres_any=Opera", "Opera"),
        ("year_min=2000&year_max=1990", "year_min is after year_max"),
        ("year_min=1500", "1870"),
        ("year_min=soon", "whole number"),
        ("where=price", "as in series=Dune"),
        ("where=price%3C=5", "the catalogue has no column 'price': use one of genre, year"),
        ("where=year%3C=5&where=year%3E=6", "columns.year: min is above max"),
    ],
)
def test_filters_that_make_no_sense_are_refused(client, query, says):
    answer = client.get(f"/v1/movies/1/similar?{query}")
    assert answer.status_code == 422
    assert says in answer.text
