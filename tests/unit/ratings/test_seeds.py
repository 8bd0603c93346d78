"""A request's ratings become seeds and dislikes, and what they name never comes back."""

from dataclasses import replace

import pytest
from pydantic import ValidationError

from marquee.api.contracts import Rating, RecommendationRequest
from marquee.pipeline import Pipeline, resolve
from marquee.ratings.seeds import FAR_BELOW, MAX_DISLIKES, MAX_SEEDS, choose_seeds
from tests.exports import bundle_of


@pytest.fixture(scope="module")
def bundle(make_contents):
    return bundle_of(make_contents(1000, history=True))


def rating(bundle, row, stars=None, at=None, **more):
    return Rating(movie_id=int(bundle.catalog.movie_ids[row]), stars=stars, at=at, **more)


def test_stars_count_by_their_distance_from_the_persons_mean(bundle):
    harsh = [rating(bundle, 20 + at, stars) for at, stars in enumerate([3, 2, 1, 1, 1])]
    rated = choose_seeds(bundle.catalog, harsh)
    assert rated.seeds == [20, 21]
    assert rated.dislikes == []
    kind = [rating(bundle, 20 + at, stars) for at, stars in enumerate([5, 5, 5, 4, 5 - FAR_BELOW])]
    assert choose_seeds(bundle.catalog, kind).seeds == [20, 21, 22]
    assert choose_seeds(bundle.catalog, [*kind, rating(bundle, 30, 0.5)]).dislikes == [30]


def test_newer_ratings_count_more(bundle):
    dated = [rating(bundle, 20, 5, at="2019-01-01"), rating(bundle, 21, 5, at=1_700_000_000), rating(bundle, 22, 1)]
    assert choose_seeds(bundle.catalog, dated).seeds == [21, 20]


def test_of_two_ratings_of_a_film_the_newest_with_stars_counts(bundle):
    twice = [rating(bundle, 20, 5, at=9), rating(bundle, 20, 1, at=8), rating(bundle, 20, at=10), rating(bundle, 21, 3)]
    assert choose_seeds(bundle.catalog, twice).seeds == [20]


def test_without_stars_what_was_seen_counts_as_liked_and_the_rest_is_only_left_out(bundle):
    given = [rating(bundle, 20), rating(bundle, 21), rating(bundle, 22, seen=False)]
    rated = choose_seeds(bundle.catalog, given)
    assert (sorted(rated.seeds), rated.named) == ([20, 21], [20, 21, 22])
    starred = choose_seeds(bundle.catalog, [*given, rating(bundle, 23, 5), rating(bundle, 24, 2)])
    assert starred.seeds == [23]


def test_there_are_bounds(bundle):
    many = [rating(bundle, row, 5 if row % 2 else 0.5) for row in range(20, 1000)]
    rated = choose_seeds(bundle.catalog, many)
    assert (len(rated.seeds), len(rated.dislikes), len(rated.named)) == (MAX_SEEDS, MAX_DISLIKES, len(many))


def test_ids_of_any_kind_and_unknown_ones(bundle):
    given = [
        Rating(imdb_id="tt0133093", stars=5),
        Rating(imdb_id="tt7777777", tmdb_id=int(bundle.catalog.tmdb_ids[40]), stars=4),
        Rating(imdb_id="tt8888888", stars=1),
        Rating(tmdb_id=77, stars=1),
    ]
    rated = choose_seeds(bundle.catalog, given)
    assert sorted(rated.named) == [0, 40]
    assert sorted(map(str, rated.unknown)) == ["77", "tt8888888"]
    with pytest.raises(ValidationError, match="id"):
        Rating(stars=3)  # of nothing


def test_what_was_rated_or_seen_never_comes_back_twins_included(bundle):
    catalog = bundle.catalog
    named = [11, *range(100, 900)]  # 12 is the twin of 11
    ratings = [rating(bundle, row, [5, 3, None][row % 3]) for row in named]
    asked = RecommendationRequest(ratings=ratings, top_n=100, exclude_imdb_ids=["tt0133093"])
    (taste,) = resolve(bundle, asked)
    assert set(taste.where.exclude_movie_ids) >= {int(catalog.movie_ids[row]) for row in named}
    found = {film.movie_id for film in Pipeline(bundle).recommend(asked).recommendations}
    gone = {int(catalog.movie_ids[row]) for row in (*named, 12, 0)}
    assert len(found) == 30  # all candidates
    assert not found & gone


def test_likes_and_dislikes_of_the_request_overrule_ratings(bundle):
    ratings = [rating(bundle, 20, 5), rating(bundle, 21, 5), rating(bundle, 22, 0.5)]
    ids = bundle.catalog.movie_ids
    asked = RecommendationRequest(ratings=ratings, movie_ids=[int(ids[22])], disliked_movie_ids=[int(ids[20])])
    (taste,) = resolve(bundle, asked)
    assert taste.seeds == [22, 21]
    assert taste.dislikes == [20]


def test_ratings_are_one_persons(bundle):
    two = [{"movie_ids": [1]}, {"movie_ids": [4]}]
    with pytest.raises(ValidationError, match="not both"):
        RecommendationRequest(people=two, ratings=[rating(bundle, 20, 5)])


def test_imdb_ids_are_as_good_as_others(bundle):
    pipeline = Pipeline(bundle)
    by_imdb = pipeline.recommend(RecommendationRequest(imdb_ids=["tt0133093"], disliked_imdb_ids=["tt0113277"]))
    ids = bundle.catalog.movie_ids
    by_movie = pipeline.recommend(RecommendationRequest(movie_ids=[int(ids[0])], disliked_movie_ids=[int(ids[13])]))
    assert by_imdb == by_movie
    assert by_imdb.recommendations[0].imdb_id is not None
    unknown = pipeline.recommend(RecommendationRequest(imdb_ids=["tt0133093", "tt7777777"]))
    assert unknown.unknown_ids == ["tt7777777"]
    bare = Pipeline(replace(bundle, catalog=replace(bundle.catalog, columns={})))
    answer = bare.recommend(RecommendationRequest(movie_ids=[int(ids[0])]))
    assert "imdb_id" not in answer.recommendations[0].model_dump()
