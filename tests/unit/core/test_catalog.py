"""Look-ups by the ids of the data."""

from dataclasses import replace

import numpy as np
import pytest

from marquee.api.contracts import RecommendationRequest, response_json
from marquee.api.problems import ProblemError
from marquee.api.request_body import parse_request
from marquee.pipeline import Pipeline


@pytest.mark.parametrize(
    ("own", "asked", "rows", "unknown"),
    [
        (None, [4, "1", 2, "x"], [1, 0], [2, "x"]),
        (("a", "B", "07"), ["07", "b", 7, "a"], [2, 0], ["b", 7]),
        ((10**12, 5, 6), [5, str(10**12), 5], [1, 0], []),
    ],
)
def test_rows_of_items(make_contents, own, asked, rows, unknown):
    catalog = replace(make_contents(3).catalog, item_ids=own)
    assert catalog.rows_of_items(asked) == (rows, unknown)
    assert [catalog.item_id(row) for row in range(3)] == list(own or [None] * 3)


def test_films_with_one_title_and_year_are_one_and_other_items_are_not(make_contents):
    catalog = make_contents(3).catalog
    twins = replace(catalog, titles=("Poems",) * 3, years=np.full(3, 1999, np.int16), tmdb_ids=np.zeros(3, np.int64))
    assert twins.distinct.sum() == 1
    assert replace(twins, noun=("book", "books")).distinct.all()


def test_of_a_catalogue_without_ids_of_its_own_item_ids_are_movie_ids(make_contents):
    pipeline = Pipeline(make_contents())
    by_item = pipeline.recommend(
        RecommendationRequest(item_ids=["1", 4], disliked_item_ids=[7], exclude_item_ids=["10"])
    )
    by_movie = pipeline.recommend(
        RecommendationRequest(movie_ids=[1, 4], disliked_movie_ids=[7], exclude_movie_ids=[10])
    )
    assert response_json(by_item) == response_json(by_movie)
    assert b"item_id" not in response_json(by_item)


@pytest.mark.parametrize("wrong", ["1.5", "true", "null", "[1]"])
def test_an_id_is_text_or_a_whole_number(wrong):
    with pytest.raises(ProblemError, match=r"item_ids\[1\]: must be text"):
        parse_request("application/json", f'{{"item_ids": ["a", {wrong}]}}'.encode(), RecommendationRequest)
