"""The sweep's lists are the pipeline's."""

from dataclasses import replace

import numpy as np
import pytest

from marquee.api.contracts import RecommendationRequest
from marquee.pipeline import Pipeline
from marquee.retrieval.exact import ExactSearch
from marquee.retrieval.port import Where
from marquee_training.evaluation.cases import pack
from marquee_training.fit import fit, prepare
from marquee_training.sweep.lists import CachedRetriever
from marquee_training.sweep.run import grouped

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


@pytest.mark.parametrize("columns", SAMPLE, ids=str)
def test_the_lists_are_those_of_the_pipeline(folds, swept, columns):
    setting = swept.settings[0].with_columns(columns)
    # Beside another setting, which must not disturb it.
    other = setting.with_columns({"lambda_mmr": 0.1, "novelty": 0.9})
    for fold in folds:
        pipeline = Pipeline(fold.contents(setting.view, setting.weights))
        for k in (1, 10):
            _, (ten, twenty) = fold.lists([other, setting], k, (10, 20))
            for row, (_, seeds, _) in list(enumerate(fold.cases[k]))[::4]:
                given = fold.catalog.movie_ids[seeds].tolist()
                for own, length in ((ten, 10), (twenty, 20)):
                    request = RecommendationRequest(
                        movie_ids=given, top_n=length, diversity=setting.diversity, novelty=setting.novelty
                    )
                    wanted = [film.movie_id for film in pipeline.recommend(request).recommendations]
                    assert fold.catalog.movie_ids[own[row]].tolist() == wanted


def test_candidates_are_as_many_as_training_would_publish(folds, swept, config, dataset):
    configured = swept.settings[0]
    everybody, films = prepare(dataset, config)
    published = fit(config, everybody, films, people=np.arange(40), stop_after=1)[0].rerank
    for fold in folds:
        assert fold.contents(configured.view, configured.weights).rerank == published


def test_a_catalogue_too_small_leaves_places_empty(folds, swept):
    seeds = pack([0, 1], [np.array([0], np.int32), np.array([1], np.int32)], [np.array([], np.int32)] * 2, 60)
    fold = replace(folds[0], cases={1: seeds}, known={})
    ((ten, hundred),) = fold.lists([swept.settings[0]], 1, (10, 100))
    assert (ten >= 0).all()
    assert (hundred[:, :59] >= 0).all()
    assert (hundred[:, 59:] == -1).all()
    for row in range(2):
        assert row not in hundred[row]


def test_stage_one_is_asked_once_per_request(make_contents):
    contents = make_contents()
    asked = []

    class Counting:
        def candidates(self, seed_movie_ids, k, where):
            asked.append(seed_movie_ids)
            return ExactSearch(contents).candidates(seed_movie_ids, k, where)

    retriever = CachedRetriever(Counting(), {})
    first = retriever.candidates([1, 4], 5, Where())
    again = retriever.candidates([1, 4], 5, Where())
    retriever.candidates([1, 4], 6, Where())
    retriever.candidates([1, 7], 5, Where())
    assert len(asked) == 3
    assert first is again


def test_settings_that_share_a_blend_are_judged_together(swept):
    base = swept.settings[0]
    mmr_only = [base.with_columns({"lambda_mmr": value / 20}) for value in range(8)]
    settings = [*mmr_only, base.with_columns({"beta_gen": 3.0}), base.with_columns({"novelty": 0.5})]
    groups = grouped(settings)
    assert [len(group) for group in groups] == [6, 3, 1]
    assert all(len({setting.blend_key for setting in group}) == 1 for group in groups)
    assert {setting.digest for group in groups for setting in group} == {setting.digest for setting in settings}
