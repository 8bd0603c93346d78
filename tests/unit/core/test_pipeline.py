"""The pipeline's promises, on random bundles."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marquee.api.contracts import RecommendationRequest, response_json
from marquee.errors import RequestError, UnknownMovie
from marquee.models.weights import BlendWeights, RerankConfig
from marquee.pipeline import Pipeline, Trace, resolve
from marquee.rerank.ranker import affinity, log_odds, score
from marquee.retrieval.exact import ExactSearch, exact_scores, top_k
from marquee.retrieval.ladder import Pool
from marquee.retrieval.port import Candidates
from tests.unit.core.asking import MOVIES, Down, ask, ids


@pytest.fixture(scope="module", params=[False, True], ids=["one view", "two views"])
def contents(make_contents, request):
    return make_contents(n_movies=120, seed=1, history=request.param)


@pytest.fixture(scope="module")
def pipeline(contents):
    return Pipeline(contents)


@given(
    seeds=st.lists(st.sampled_from(MOVIES), min_size=1, max_size=12, unique=True),
    top_n=st.integers(1, 100),
    diversity=st.none() | st.floats(0, 1),
    novelty=st.floats(0, 1),
    sort=st.sampled_from(["fit", "affinity"]),
    order=st.randoms(use_true_random=False),
)
@settings(max_examples=120, deadline=None)
def test_lists_are_sound(pipeline, seeds, top_n, diversity, novelty, sort, order):
    asked = {"movie_ids": seeds, "top_n": top_n, "diversity": diversity, "novelty": novelty, "sort": sort}
    response = ask(pipeline, **asked)
    found = ids(response)
    scores = [film.affinity_score for film in response.recommendations]
    fewest = pipeline.bundle.rerank.n_candidates
    most = fewest + pipeline.bundle.rerank.n_item_cf_candidates  # as many, if no film is found twice
    left = len(MOVIES) - len(seeds)
    assert len(found) == len(set(found))
    assert min(top_n, fewest, left) <= len(found) <= min(top_n, most, left)
    assert not set(found) & set(seeds)
    if sort == "affinity" or novelty == 0:
        assert scores == sorted(scores, reverse=True)
    assert all(0 <= score <= 1 and math.isfinite(score) for score in scores)
    shuffled = order.sample(seeds, len(seeds))
    assert response_json(ask(pipeline, **{**asked, "movie_ids": shuffled})) == response_json(response)


some_films = st.lists(st.sampled_from(MOVIES), max_size=8, unique=True)


@pytest.mark.parametrize("rung", ["two_tower", "item_cf"])
@given(
    seeds=st.lists(st.sampled_from(MOVIES), min_size=1, max_size=12, unique=True),
    excluded=some_films,
    filters=st.fixed_dictionaries(
        {},
        optional={
            "genres_any": st.sampled_from([["Comedy"], ["Drama", "Horror"]]),
            "genres_none": st.sampled_from([["Action"], ["Drama"]]),
            "year_min": st.integers(1950, 1990),
            "year_max": st.integers(1990, 2020),
        },
    ),
    pool=st.tuples(st.integers(1, 60), st.integers(0, 20)),
    dials=st.fixed_dictionaries(
        {
            "novelty": st.floats(0, 1),
            "diversity": st.floats(0, 1),
            "sort": st.sampled_from(["fit", "affinity"]),
            "several_interests": st.booleans(),
        }
    ),
)
@settings(max_examples=100)
def test_an_affinity_depends_on_the_liked_films_alone(contents, rung, seeds, excluded, filters, pool, dials):
    """Not on filters, exclusions and dials, and not on how many candidates there were."""
    (taste,) = resolve(contents, RecommendationRequest(movie_ids=seeds))
    tower = contents.two_tower
    scores = exact_scores(tower, tower.encode(taste.seeds), np.arange(120))
    every = Pool(rung, np.arange(120), scores if rung == "two_tower" else None)
    expected = affinity(log_odds(contents, rung, score(contents, taste, every).probable.score))
    config = RerankConfig(n_candidates=pool[0], n_item_cf_candidates=pool[1])
    pipeline = Pipeline(replace(contents, rerank=config), None if rung == "two_tower" else Down())
    answer = ask(pipeline, movie_ids=seeds, exclude_movie_ids=excluded, filters=filters, top_n=100, **dials)
    assert answer.served_by == rung or not answer.recommendations  # no server is asked if nothing is allowed
    for film in answer.recommendations:
        assert film.affinity_score == expected[MOVIES.index(film.movie_id)]


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
        contents = make_contents(n_movies=120, seed=1)
        empty = replace(contents.item_cf, values=np.zeros_like(contents.item_cf.values))
        response = ask(Pipeline(replace(contents, item_cf=empty), Down()))
        assert response.served_by == "popularity"
        assert response.degraded == ["retrieval_timeout", "seeds_without_neighbors"]

    def test_without_a_known_seed_popularity_answers(self, pipeline):
        response = ask(pipeline, movie_ids=[2, 5], diversity=0.0, novelty=0.0)
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


class TestCandidatesByLift:
    @pytest.mark.parametrize("k", [1, 4, 60])
    def test_join_those_of_retrieval(self, both, k):
        seeds = list(range(0, 2 * k, 2))
        ranking = both.score_candidates(seeds)
        rows, n_added = ranking.pool.rows, ranking.pool.n_added
        assert len(set(rows)) == len(rows)
        assert not set(rows) & set(seeds)
        retrieved = top_k(both.bundle.two_tower.scores(seeds), 20, ranking.taste.allowed)[0]
        left = ranking.taste.allowed.copy()
        left[retrieved] = False
        best = top_k(ranking.taste.lift_score, 10, left)[0]
        assert set(rows[: len(rows) - n_added]) == set(retrieved)
        assert set(rows[len(rows) - n_added :]) == set(best)
        assert n_added == 10

    @pytest.mark.parametrize("retriever", [None, Down()], ids=["with retrieval", "without"])
    @given(
        seeds=st.lists(st.integers(0, 119), min_size=1, max_size=12, unique=True),
        filters=st.sampled_from([{}, {"genres_any": ["Horror"]}, {"genres_none": ["Drama"], "year_max": 1985}]),
        novelty=st.floats(0, 1),
    )
    @settings(max_examples=50)
    def test_the_best_by_lift_are_candidates(self, both, retriever, seeds, filters, novelty):
        request = RecommendationRequest(movie_ids=[MOVIES[row] for row in seeds], filters=filters, novelty=novelty)
        (ranking,) = Pipeline(both.bundle, retriever).rank(request, Trace())
        best = top_k(ranking.taste.lift_score, 10, ranking.taste.allowed)[0]
        assert ranking.pool.rung == ("item_cf" if retriever else "two_tower")
        assert set(best) <= set(ranking.pool.rows)
        assert ranking.taste.allowed[ranking.pool.rows].all()

    def test_are_scored_by_the_same_tower(self, both):
        """A film's scores are the same, whichever way it was found."""
        seeds = [0, 7, 11]

        class Everything(ExactSearch):
            def candidates(self, seed_movie_ids, k, where):
                return super().candidates(seed_movie_ids, 120, where)

        found = both.score_candidates(seeds, novelty=0.5)
        other = both.with_retriever(Everything(both.bundle)).score_candidates(seeds, novelty=0.5)
        assert other.pool.n_added == 0
        at = {int(row): position for position, row in enumerate(other.pool.rows)}
        positions = [at[int(row)] for row in found.pool.rows]
        for blend, whole in ((found.probable, other.probable), (found.order, other.order)):
            np.testing.assert_array_equal(blend.score, whole.score[positions])

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

    def test_novelty_leaves_out_what_is_liked_whoever_asks(self, contents):
        """Here the bias of the tower, which is all that makes the first films probable."""
        bias = np.where(np.arange(120) < 30, 10, 0).astype(np.float32)
        tower = replace(contents.two_tower, item_bias=bias)
        pipeline = Pipeline(replace(contents, two_tower=tower, rerank=RerankConfig(n_candidates=100)))

        def n_hits(novelty):
            return sum(movie in MOVIES[:30] for movie in ids(ask(pipeline, novelty=novelty, movie_ids=MOVIES[60:63])))

        assert n_hits(0.0) > n_hits(1.0)

    @pytest.mark.parametrize("novelty", [0.3, 1.0])
    def test_sort_orders_the_same_films(self, pipeline, novelty):
        answers = {}
        for sort in ("fit", "affinity"):
            request = RecommendationRequest(movie_ids=MOVIES[:3], novelty=novelty, sort=sort)
            answers[sort] = [film.affinity_score for film in pipeline.recommend(request).recommendations]
            (ranking,) = pipeline.rank(request, Trace())
            by = ranking.order if sort == "fit" else ranking.probable
            assert (np.diff(by.score[ranking.shown]) <= 0).all()
        assert answers["fit"] != answers["affinity"] == sorted(answers["fit"], reverse=True)

    def test_half_of_novelty_is_the_default(self, pipeline):
        assert response_json(ask(pipeline)) == response_json(ask(pipeline, novelty=0.5, sort="fit"))


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

    @pytest.mark.parametrize("k", [1, 4, 12])
    def test_the_prior_is_what_the_models_say_without_seeds(self, contents, pipeline, k):
        """So the contributions are all that the seeds add, of the affinity and not of the list's order."""
        request = RecommendationRequest(movie_ids=MOVIES[:k], novelty=1.0, explain=True)
        (ranking,) = pipeline.rank(request, Trace())
        tower, view, blend = contents.two_tower, contents.item_cf, ranking.probable
        moments = contents.tower_moments.at(tower.encode(range(k)), bias=1)
        nobody = tower.encode_sums(np.zeros((1, 8), np.float32), np.zeros(1, np.float32))[0]
        without = {
            "tower": (tower.item_vectors @ nobody + tower.item_bias, moments),
            "item_cf": (np.zeros(120) if view.prior is None else view.prior, ranking.taste.few.moments),
        }
        if ranking.taste.history:
            without["history"] = np.zeros(120), ranking.taste.history.moments
        calibration = contents.rerank.calibration["two_tower"]
        for film in pipeline.recommend(request).recommendations:
            row = MOVIES.index(film.movie_id)
            prior = sum(blend.units[name] * (scores[row] - moments.mean) for name, (scores, moments) in without.items())
            expected = calibration.slope * prior + calibration.intercept
            assert film.explanation.terms["prior"] == pytest.approx(expected, abs=1e-3)

    def test_every_weight_shows_up_in_its_term(self, make_contents):
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
