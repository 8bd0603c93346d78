"""The account of a request: it tells of the very answer that the pipeline gives, and its figures add up."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marquee.api.contracts import RecommendationRequest
from marquee.errors import RequestError
from marquee.inspect_request import N_BEST, account
from marquee.pipeline import Pipeline, Trace
from tests.unit.core.asking import MOVIES, Down


@pytest.fixture(scope="module")
def pipeline(make_contents):
    return Pipeline(make_contents(n_movies=120, seed=1, history=True))


def request_for(**fields):
    return RecommendationRequest(**{"movie_ids": MOVIES[:3], **fields})


@given(
    seeds=st.lists(st.sampled_from(MOVIES), min_size=1, max_size=12, unique=True),
    top_n=st.integers(1, 100),
    diversity=st.none() | st.floats(0, 1),
    novelty=st.floats(0, 1),
    sort=st.sampled_from(["fit", "affinity"]),
    disliked=st.booleans(),
)
@settings(max_examples=100, deadline=None)
def test_it_tells_of_the_answer(pipeline, seeds, top_n, diversity, novelty, sort, disliked):
    dislikes = [movie + 1000 for movie in MOVIES if movie not in seeds][:2] if disliked else []
    dials = {"diversity": diversity, "novelty": novelty, "sort": sort}
    request = request_for(movie_ids=seeds, top_n=top_n, disliked_tmdb_ids=dislikes, **dials)
    told, answer = account(pipeline, request), pipeline.recommend(request)
    assert (told.served_by, told.degraded, told.model_version) == (
        answer.served_by,
        answer.degraded,
        answer.model_version,
    )
    shown = sorted((film for film in told.films if film.shown_at), key=lambda film: film.shown_at)
    assert [film.shown_at for film in shown] == list(range(1, len(shown) + 1))
    assert [(film.movie.movie_id, film.affinity_score) for film in shown] == [
        (film.movie_id, film.affinity_score) for film in answer.recommendations
    ]
    assert sorted(film.mmr_step for film in shown) == [film.shown_at for film in shown]
    assert all((film.mmr_step is None) == (film.shown_at is None) for film in told.films)
    for film in told.films:
        assert sum(film.terms.model_dump().values()) == pytest.approx(film.score, abs=1e-4)
    scores = [film.score for film in told.films]
    assert scores == sorted(scores, reverse=True)
    ranks = [film.score_rank for film in told.films]
    assert ranks == sorted(set(ranks))
    assert ranks[:N_BEST] == list(range(1, min(N_BEST, told.n_candidates) + 1))
    assert all(film.score_rank <= N_BEST or film.shown_at for film in told.films)


def test_where_the_candidates_came_from(pipeline):
    told = account(pipeline, request_for(top_n=100))  # so many that every candidate is shown
    assert [film.movie_id for film in told.seeds] == MOVIES[:3]
    assert told.n_from_tower == pipeline.bundle.rerank.n_candidates == 20
    assert 0 < told.n_added_by_item_cf <= pipeline.bundle.rerank.n_item_cf_candidates
    assert told.n_candidates == told.n_from_tower + told.n_added_by_item_cf == len(told.films)
    ranks = sorted(film.tower_rank for film in told.films if film.tower_rank)
    assert ranks == list(range(1, told.n_from_tower + 1))
    # The ranks are those of the tower's own scores.
    scores = pipeline.bundle.two_tower.scores(pipeline.catalog.rows_of_movies(MOVIES[:3])[0])
    row = {int(movie): at for at, movie in enumerate(pipeline.catalog.movie_ids)}
    by_rank = sorted((film for film in told.films if film.tower_rank), key=lambda film: film.tower_rank)
    found = [scores[row[film.movie.movie_id]] for film in by_rank]
    assert np.all(np.diff(found) <= 1e-6)


def test_diversity_shows_in_the_steps_of_mmr(pipeline):
    by_score = account(pipeline, request_for(diversity=0))
    assert all(film.mmr_step == film.shown_at == film.score_rank for film in by_score.films if film.shown_at)
    varied = account(pipeline, request_for(diversity=1))
    assert any(film.mmr_step != film.shown_at for film in varied.films if film.shown_at)
    assert [film.score for film in varied.films if film.score_rank == 1] == [by_score.films[0].score]


def test_terms_are_the_blends(pipeline):
    request = request_for(disliked_tmdb_ids=[MOVIES[50] + 1000])
    (ranking,) = pipeline.rank(request, Trace())
    by_movie = {int(pipeline.catalog.movie_ids[row]): at for at, row in enumerate(ranking.pool.rows)}
    for film in account(pipeline, request).films:
        at = by_movie[film.movie.movie_id]
        for name, value in film.terms.model_dump().items():
            assert value == pytest.approx(ranking.order.terms[name][at], abs=1e-5), name


@pytest.mark.parametrize(("seeds", "rung"), [(MOVIES[:3], "item_cf"), ([999_999], "popularity")])
def test_lower_rungs_have_no_tower(pipeline, seeds, rung):
    without = pipeline.with_retriever(Down())
    told = account(without, request_for(movie_ids=seeds, novelty=0))
    assert told.served_by == rung
    assert told.n_from_tower == 0
    assert told.n_added_by_item_cf == (10 if rung == "item_cf" else 0)  # by lift, which needs no retrieval
    assert told.n_candidates == 20 + told.n_added_by_item_cf
    assert all(film.tower_rank is None and film.terms.tower == 0 for film in told.films)
    # Lift needs the tower's vectors, not its search.
    lifted = account(without, request_for(movie_ids=seeds, novelty=1))
    assert any(film.terms.tower for film in lifted.films) == (rung == "item_cf")
    assert told.degraded == (["retrieval_timeout"] if rung == "item_cf" else ["no_known_seeds"])


def test_nothing_fits(pipeline):
    told = account(pipeline, request_for(filters={"year_min": 2099}))
    assert (told.films, told.n_candidates) == ([], 0)
    assert "fewer_films_than_asked" in told.degraded


def test_ids_and_trace_and_refusals(pipeline):
    trace = Trace()
    told = account(pipeline, request_for(), request_id="mine", trace=trace)
    assert told.request_id == "mine"
    assert trace.n_candidates == told.n_candidates
    assert trace.retrieval_ms > 0
    with pytest.raises(RequestError, match="no film has the genre"):
        account(pipeline, request_for(filters={"genres_any": ["Opera"]}))
