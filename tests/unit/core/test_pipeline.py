"""The pipeline's promises, on random bundles."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marquee.api.contracts import RecommendationRequest, response_json
from marquee.errors import RequestError, RetrievalUnavailable, UnknownMovie
from marquee.pipeline import Pipeline, Trace
from marquee.retrieval.exact import ExactSearch, top_k
from marquee.retrieval.port import Candidates, Where
from marquee.retrieval.taste import make_taste

MOVIES = [int(movie) for movie in range(1, 361, 3)]  # the ids of make_contents(n_movies=120)


class Down:
    """A retrieval tier that gives no answer."""

    def candidates(self, seed_movie_ids, k, where):
        raise RetrievalUnavailable("timeout")


@pytest.fixture(scope="module", params=[False, True], ids=["one view", "two views"])
def contents(make_contents, request):
    return make_contents(n_movies=120, seed=1, history=request.param)


@pytest.fixture(scope="module")
def pipeline(contents):
    return Pipeline(contents)


def ask(pipeline, **fields):
    return pipeline.recommend(RecommendationRequest(**{"movie_ids": MOVIES[:3], **fields}))


def ids(response):
    return [film.movie_id for film in response.recommendations]


@given(
    seeds=st.lists(st.sampled_from(MOVIES), min_size=1, max_size=12, unique=True),
    top_n=st.integers(1, 100),
    diversity=st.none() | st.floats(0, 1),
    novelty=st.floats(0, 1),
    order=st.randoms(use_true_random=False),
)
@settings(max_examples=300, deadline=None)
def test_lists_are_sound(pipeline, seeds, top_n, diversity, novelty, order):
    asked = {"movie_ids": seeds, "top_n": top_n, "diversity": diversity, "novelty": novelty}
    response = ask(pipeline, **asked)
    found = ids(response)
    scores = [film.affinity_score for film in response.recommendations]
    fewest = pipeline.bundle.rerank.n_candidates
    most = fewest + pipeline.bundle.rerank.n_item_cf_candidates  # as many, if no film is found twice
    left = len(MOVIES) - len(seeds)
    assert len(found) == len(set(found))
    assert min(top_n, fewest, left) <= len(found) <= min(top_n, most, left)
    assert not set(found) & set(seeds)
    assert scores == sorted(scores, reverse=True)
    assert all(0 <= score <= 1 and math.isfinite(score) for score in scores)
    shuffled = order.sample(seeds, len(seeds))
    assert response_json(ask(pipeline, **{**asked, "movie_ids": shuffled})) == response_json(response)


def test_the_contract_of_the_smallest_request(pipeline):
    response = pipeline.recommend(
        RecommendationRequest(tmdb_ids=[1001, 1004, 999_999], top_n=5), request_id="abc", trace=(trace := Trace())
    )
    assert len(response.recommendations) == 5
    assert response.served_by == "two_tower"
    assert response.degraded == []
    assert response.unknown_ids == [999_999]
    assert response.request_id == "abc"
    assert 20 <= trace.n_candidates <= 20 + pipeline.bundle.rerank.n_item_cf_candidates
    assert trace.rerank_ms > 0


class TestLadder:
    def test_without_retrieval_the_item_item_view_answers(self, contents):
        response = ask(Pipeline(contents, Down()))
        assert response.served_by == "item_cf"
        assert response.degraded == ["retrieval_timeout"]
        assert len(response.recommendations) == 10

    def test_without_neighbors_popularity_answers(self, make_contents):
        from dataclasses import replace

        contents = make_contents(n_movies=120, seed=1)
        empty = replace(contents.item_cf, values=np.zeros_like(contents.item_cf.values))
        response = ask(Pipeline(replace(contents, item_cf=empty), Down()))
        assert response.served_by == "popularity"
        assert response.degraded == ["retrieval_timeout", "seeds_without_neighbors"]

    def test_without_a_known_seed_popularity_answers(self, pipeline):
        response = ask(pipeline, movie_ids=[2, 5], diversity=0.0)
        assert response.served_by == "popularity"
        assert response.degraded == ["no_known_seeds"]
        assert response.unknown_ids == [2, 5]
        catalog = pipeline.catalog
        best = catalog.movie_ids[np.argsort(-catalog.popularity, kind="stable")[:10]]
        assert sorted(ids(response)) == sorted(best.tolist())

    def test_retrieval_on_a_newer_bundle_is_no_accident(self, contents):
        class Newer(ExactSearch):
            def candidates(self, seed_movie_ids, k, where):
                movies, scores, _ = super().candidates(seed_movie_ids, k, where)
                movies[0] = 1_000_000
                return Candidates(movies, scores, "newer")

        response = ask(Pipeline(contents, Newer(contents)))
        assert response.served_by == "two_tower"
        assert response.degraded == ["version_skew"]

    def test_a_retriever_that_knows_none_of_our_films_is_of_no_use(self, contents):
        class Foreign:
            def candidates(self, seed_movie_ids, k, where):
                return Candidates(np.array([2, 5]), np.ones(2, dtype=np.float32), "foreign")

        response = ask(Pipeline(contents, Foreign()))
        assert response.served_by == "item_cf"
        assert response.degraded == ["retrieval_version_skew"]
        assert len(response.recommendations) == 10

    def test_a_retriever_that_returns_seeds_is_not_believed(self, contents):
        class Careless:
            def candidates(self, seed_movie_ids, k, where):
                return Candidates(np.array(MOVIES[:30]), np.arange(30, dtype=np.float32), contents.version)

        assert not set(ids(ask(Pipeline(contents, Careless())))) & set(MOVIES[:3])


@pytest.fixture(scope="module")
def both(make_contents):
    return Pipeline(make_contents(n_movies=120, seed=1, history=True))


class TestCandidatesByTheItemItemViews:
    @pytest.mark.parametrize("k", [1, 4, 60])
    def test_join_those_of_retrieval(self, both, k):
        seeds = list(range(0, 2 * k, 2))
        rows, _ = both.score_candidates(seeds, "two_tower")
        assert len(set(rows)) == len(rows)
        assert not set(rows) & set(seeds)
        allowed = ~np.isin(np.arange(120), seeds)
        taste = make_taste(both.bundle, seeds, Where(), allowed)
        own = top_k(taste.item_scores, 10, allowed)[0]
        retrieved = top_k(both.bundle.two_tower.scores(seeds), 20, allowed)[0]
        assert set(rows) == set(own) | set(retrieved)
        assert set(own) - set(retrieved)

    def test_are_scored_by_the_same_tower(self, both):
        """A film's blended score is the same, whichever way it was found."""
        seeds = [0, 7, 11]
        found = dict(zip(*map(np.ndarray.tolist, both.score_candidates(seeds, "two_tower")), strict=True))

        class Everything(ExactSearch):
            def candidates(self, seed_movie_ids, k, where):
                answer = super().candidates(seed_movie_ids, 120, where)
                rows = np.searchsorted(both.catalog.movie_ids, answer.movie_ids)
                kept = np.isin(rows, list(found))
                return answer._replace(movie_ids=answer.movie_ids[kept], scores=answer.scores[kept])

        other = both.with_retriever(Everything(both.bundle)).score_candidates(seeds, "two_tower")
        for row, score in zip(*other, strict=True):
            assert score == pytest.approx(found[int(row)], abs=1e-5)

    def test_pass_the_filters(self, both):
        response = ask(both, filters={"genres_any": ["Horror"]}, top_n=100)
        assert all("Horror" in film.genres for film in response.recommendations)

    def test_stay_away_where_retrieval_has_another_bundle(self, both):
        """Scores of two towers have no common unit."""

        class Newer(ExactSearch):
            def candidates(self, seed_movie_ids, k, where):
                return super().candidates(seed_movie_ids, k, where)._replace(model_version="newer")

        trace = Trace()
        both.with_retriever(Newer(both.bundle)).recommend(RecommendationRequest(movie_ids=MOVIES[:3]), trace=trace)
        assert trace.n_candidates == 20


class TestFilters:
    def test_filters_never_starve(self, pipeline):
        """A filter that few films pass still fills the list: films are filtered before the cut to candidates."""
        catalog = pipeline.catalog
        horror = catalog.genres[:, catalog.genre_names.index("Horror")]
        old = horror & (catalog.years <= 1975)
        old[:3] = False
        assert 0 < old.sum() < 20
        response = ask(pipeline, filters={"genres_any": ["horror"], "year_max": 1975}, top_n=int(old.sum()))
        assert sorted(ids(response)) == sorted(catalog.movie_ids[old].tolist())
        assert response.degraded == []

    @pytest.mark.parametrize("retriever", [None, Down()])
    def test_on_every_rung(self, contents, retriever):
        filters = {"genres_any": ["Comedy"], "genres_none": ["Drama"], "year_min": 1980, "year_max": 2000}
        for film in ask(Pipeline(contents, retriever), filters=filters).recommendations:
            assert "Comedy" in film.genres
            assert "Drama" not in film.genres
            assert 1980 <= film.year <= 2000

    def test_too_few_films_is_said(self, pipeline):
        response = ask(pipeline, filters={"year_min": 2100})
        assert response.recommendations == []
        assert response.degraded == ["fewer_films_than_asked"]

    def test_unknown_genre_names_the_known_ones(self, pipeline):
        with pytest.raises(RequestError, match=r"'Musicals'[^$]*Action, Comedy, Drama, Horror"):
            ask(pipeline, filters={"genres_any": ["Musicals"]})

    def test_excluded_and_disliked_films_stay_away(self, pipeline):
        best = [film.tmdb_id for film in ask(pipeline).recommendations]
        response = ask(pipeline, exclude_tmdb_ids=best[:2], disliked_tmdb_ids=best[2:4])
        assert not {film.tmdb_id for film in response.recommendations} & set(best[:4])

    def test_both_kinds_of_ids_mean_the_same(self, pipeline):
        best = ask(pipeline).recommendations
        by_tmdb = ask(pipeline, exclude_tmdb_ids=[best[0].tmdb_id], disliked_tmdb_ids=[best[1].tmdb_id])
        by_movie = ask(pipeline, exclude_movie_ids=[best[0].movie_id], disliked_movie_ids=[best[1].movie_id])
        assert response_json(by_tmdb) == response_json(by_movie)
        unknown = ask(pipeline, exclude_movie_ids=[99_999], disliked_movie_ids=[99_998]).unknown_ids
        assert unknown == [99_998, 99_999]

    def test_liked_and_disliked_at_once_is_refused(self, pipeline):
        with pytest.raises(RequestError, match="both liked and disliked"):
            ask(pipeline, disliked_tmdb_ids=[MOVIES[0] + 1000])


class TestDials:
    def test_a_dislike_pushes_its_neighbors_down(self, pipeline):
        before = ask(pipeline, top_n=100, explain=True)
        shown = np.searchsorted(pipeline.catalog.movie_ids, ids(before))
        hidden = [row for row in range(3, len(MOVIES)) if row not in shown]
        disliked = next(row for row in hidden if (pipeline.bundle.item_cf.pull([row])[shown] > 0).any())
        near = {MOVIES[row] for row in shown if pipeline.bundle.item_cf.pull([disliked])[row] > 0}
        after = ask(pipeline, top_n=100, explain=True, disliked_tmdb_ids=[MOVIES[disliked] + 1000])
        before_score = {film.movie_id: film.explanation.score for film in before.recommendations}
        sunk = {
            film.movie_id: film.explanation.terms["dislikes"]
            for film in after.recommendations
            if film.movie_id in near and film.movie_id in before_score
        }
        assert sunk
        assert all(term < 0 for term in sunk.values())

    def test_novelty_prefers_lesser_known_films(self, pipeline):
        popularity = {
            int(m): int(p) for m, p in zip(pipeline.catalog.movie_ids, pipeline.catalog.popularity, strict=True)
        }

        def median(novelty):
            return np.median([popularity[movie] for movie in ids(ask(pipeline, novelty=novelty, diversity=0.0))])

        assert median(1.0) < median(0.0)


class TestExplanations:
    @pytest.mark.parametrize("k", [1, 3, 12])
    def test_the_account_adds_up(self, pipeline, k):
        response = ask(pipeline, movie_ids=MOVIES[:k], disliked_tmdb_ids=[1200], explain=True)
        for film in response.recommendations:
            why = film.explanation
            total = sum(seed.contribution for seed in why.because) + sum(why.terms.values())
            assert total == pytest.approx(why.score, abs=1e-6)
            assert film.affinity_score == pytest.approx(1 / (1 + math.exp(-why.score)), abs=2e-4)
            assert {seed.movie_id for seed in why.because} == set(MOVIES[:k])
            contributions = [seed.contribution for seed in why.because]
            assert contributions == sorted(contributions, reverse=True)

    def test_every_weight_shows_up_in_its_term(self, make_contents):
        from dataclasses import replace

        from marquee.models.weights import BlendWeights, RerankConfig

        weights = BlendWeights(beta_gen=0.5, gamma_year=0.3, delta_pop=0.2)
        contents = replace(make_contents(n_movies=120, seed=1), rerank=RerankConfig(weights=weights))
        (film, *_) = ask(Pipeline(contents), explain=True).recommendations
        terms = film.explanation.terms
        assert all(terms[name] != 0 for name in ("genre", "year", "popularity"))
        assert terms["dislikes"] == 0

    def test_none_unless_asked(self, pipeline):
        assert b"explanation" not in response_json(ask(pipeline))

    def test_on_the_popularity_rung_no_seed_is_credited(self, pipeline):
        for film in ask(pipeline, movie_ids=[2], explain=True).recommendations:
            assert film.explanation.because == []


class TestSimilar:
    def test_leaves_the_film_itself_out(self, pipeline):
        films = pipeline.films.similar(MOVIES[5], 7)
        assert len(films) == 7
        assert MOVIES[5] not in {film.movie_id for film in films}

    def test_unknown_film(self, pipeline):
        with pytest.raises(UnknownMovie, match="MovieLens id 2"):
            pipeline.films.similar(2, 5)
