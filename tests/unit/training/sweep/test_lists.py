"""The fast lists are the pipeline's."""

import numpy as np
import pytest
from scipy import sparse

from marquee.api.contracts import RecommendationRequest
from marquee.pipeline import Pipeline
from marquee.retrieval.exact import ExactSearch
from marquee.retrieval.port import Where
from marquee_training.cross_validate import prepare
from marquee_training.fit import fit
from marquee_training.sweep.lists import ListMaker, Remembered
from marquee_training.sweep.sizes import turned
from marquee_training.sweep.workers import grouped

SAMPLE = [
    {},
    {"lambda_mmr": 1.0},
    {"lambda_mmr": 0.4, "genre_weight": 1.0},
    {"diversity": 0.0},
    {"diversity": 1.0, "novelty": 0.3},
    {"novelty": 1.0, "novelty_scale": 3.0},
    {"beta_gen": 1.0, "gamma_year": 0.5, "delta_pop": -0.5, "tau_year": 4.0},
    {"alpha_cf": 0.3, "alpha_tower": 2.0, "delta_pop": 0.7},
    {"item_cf": "pure_svd:4", "diversity": 0.3},
    {"item_cf": "edlae:50", "novelty": 0.5, "delta_pop": -1.0},
]


@pytest.mark.parametrize("changes", SAMPLE, ids=str)
@pytest.mark.parametrize("k", [1, 5, 10])
def test_the_lists_are_those_of_the_pipeline(folds, swept, changes, k):
    dials = turned(swept.settings[0], changes)
    for fold in folds:
        contents = fold.contents(dials.view, dials.weights)
        cases = fold.cases[k]
        # Beside another setting, which must not disturb it.
        other = turned(dials, {"lambda_mmr": 0.1, "novelty": 0.9})
        _, (ten, twenty) = ListMaker(contents).lists(contents, [other, dials], cases.seeds[::4], (10, 20))
        pipeline = Pipeline(contents)
        for row, case in enumerate(list(cases)[::4]):
            given = fold.catalog.movie_ids[case.seeds].tolist()
            for own, length in ((ten, 10), (twenty, 20)):
                request = RecommendationRequest(
                    movie_ids=given, top_n=length, diversity=dials.diversity, novelty=dials.novelty
                )
                wanted = [film.movie_id for film in pipeline.recommend(request).recommendations]
                assert fold.catalog.movie_ids[own[row]].tolist() == wanted


def test_candidates_are_as_many_as_training_would_publish(folds, swept, config, dataset):
    configured = swept.settings[0]
    everybody, films = prepare(dataset, config)
    published = fit(config, everybody, films, people=np.arange(40), stop_after=1).contents.rerank
    for fold in folds:
        assert fold.contents(configured.view, configured.weights).rerank == published


def test_a_catalogue_too_small_leaves_places_empty(make_contents, swept):
    contents = make_contents(n_movies=12)
    dials = turned(swept.settings[0], {})
    seeds = sparse.csr_matrix(np.eye(12, dtype=np.float32)[:2])
    ((ten, twenty),) = ListMaker(contents).lists(contents, [dials], seeds, (10, 20))
    assert (ten >= 0).all()
    assert (twenty[:, :11] >= 0).all()
    assert (twenty[:, 11:] == -1).all()
    for row in range(2):
        assert row not in twenty[row]


def test_stage_one_is_asked_once_per_request(make_contents):
    contents = make_contents()
    asked = []

    class Counting:
        def candidates(self, seed_movie_ids, k, where):
            asked.append(seed_movie_ids)
            return ExactSearch(contents).candidates(seed_movie_ids, k, where)

    retriever = Remembered(Counting())
    first = retriever.candidates([1, 4], 5, Where())
    again = retriever.candidates([1, 4], 5, Where())
    retriever.candidates([1, 4], 6, Where())
    retriever.candidates([1, 7], 5, Where())
    assert len(asked) == 3
    assert first is again


def test_settings_that_share_a_blend_are_judged_together(swept):
    base = swept.settings[0]
    mmr_only = [turned(base, {"lambda_mmr": value / 20}) for value in range(8)]
    groups = grouped([*mmr_only, turned(base, {"beta_gen": 3.0}), turned(base, {"novelty": 0.5})])
    assert [len(group) for group in groups] == [6, 3, 1]
    assert all(len({dials.blend_key for dials in group}) == 1 for group in groups)
    assert sorted(dials.digest for group in groups for dials in group) == sorted(
        dials.digest for dials in [*mmr_only, turned(base, {"beta_gen": 3.0}), turned(base, {"novelty": 0.5})]
    )
