"""The product's row: what a caller would get."""

import numpy as np
import pytest

from marquee.api.contracts import RecommendationRequest
from marquee.pipeline import Pipeline
from marquee.retrieval.port import Where
from marquee_training.evaluation.rows import Shelf, by_pipeline


@pytest.fixture(scope="module")
def contents(rounds):
    return next(row.model for _, rows in rounds for row in rows[0] if row.name == "pipeline")


def test_a_list_is_the_answer_to_a_request(contents, world):
    ids = contents.catalog.movie_ids
    ten, twenty = by_pipeline(Pipeline(contents))(world.likes[:4], (10, 20))
    for row in range(4):
        for lists, n in ((ten, 10), (twenty, 20)):
            request = RecommendationRequest(movie_ids=ids[world.liked(row)].tolist(), top_n=n, novelty=0)
            films = [film.movie_id for film in Pipeline(contents).recommend(request).recommendations]
            assert ids[lists[row]].tolist() == films


def test_a_dial_of_the_request_is_turned(contents, world):
    ids = contents.catalog.movie_ids
    (lists,) = by_pipeline(Pipeline(contents), novelty=1.0)(world.likes[:1], (10,))
    request = RecommendationRequest(movie_ids=ids[world.liked(0)].tolist(), top_n=10, novelty=1.0)
    assert ids[lists[0]].tolist() == [film.movie_id for film in Pipeline(contents).recommend(request).recommendations]


def test_beyond_a_hundred_come_the_candidates(contents, world):
    (found,) = by_pipeline(Pipeline(contents))(world.likes[:2], (200,))
    for row in range(2):
        listed = found[row][found[row] >= 0]
        assert sorted(listed.tolist() + world.liked(row).tolist()) == list(range(60))


def test_a_shelf_holds_the_best_of_its_films(contents):
    films = np.arange(60) % 5 == 2
    ids = contents.catalog.movie_ids
    seeds = [int(ids[2]), int(ids[0])]
    found = Shelf(contents, films).candidates(seeds, 4, Where(exclude_movie_ids=tuple(seeds)))
    scores = np.where(films, contents.two_tower.scores([0, 2]), -np.inf)
    scores[[0, 2]] = -np.inf
    assert found.movie_ids.tolist() == ids[np.argsort(-scores, kind="stable")[:4]].tolist()


def test_more_seeds_than_the_api_takes_are_let_through(make_contents):
    from scipy import sparse

    contents = make_contents(n_movies=150)
    seeds = sparse.csr_matrix(np.arange(150)[None, :] < 120).astype(np.float32)
    (lists,) = by_pipeline(Pipeline(contents))(seeds, (10,))
    assert (lists[0] >= 120).all()
