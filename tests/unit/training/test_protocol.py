"""The question that models are asked, and the marks they get."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from training.protocol import bootstrap_ci95, by_scores, few_seed_cases, mean_ndcg, ndcg

from training.interactions import split_people


@given(people=st.integers(10, 200), folds=st.integers(2, 8), seed=st.integers(0, 5))
def test_everyone_is_tested_once_and_never_by_a_model_that_saw_them(people, folds, seed):
    parts = split_people(people, folds, 0.1, seed)
    assert sorted(np.concatenate([part.test for part in parts]).tolist()) == list(range(people))
    for part in parts:
        everyone = np.concatenate([part.train, part.validation, part.test])
        assert sorted(everyone.tolist()) == list(range(people))


def test_cases_split_a_persons_likes(world):
    people = np.arange(30)
    cases = few_seed_cases(world, people, 5, min_positives=12, draws=2, seed=1)
    assert cases
    for case in cases:
        liked = world.liked(case.person)
        assert len(case.seeds) == 5
        assert len(liked) >= 12
        assert sorted([*case.seeds, *case.targets]) == liked.tolist()


def test_every_k_asks_the_same_people_and_draws_do_not_depend_on_who_else_is_asked(world):
    asked = {k: few_seed_cases(world, np.arange(60), k, min_positives=12, draws=2, seed=1) for k in (1, 5)}
    assert [case.person for case in asked[1]] == [case.person for case in asked[5]]
    fewer = few_seed_cases(world, np.arange(30, 60), 5, min_positives=12, draws=2, seed=1)
    later = [case for case in asked[5] if case.person >= 30]
    assert all(np.array_equal(a.seeds, b.seeds) for a, b in zip(fewer, later, strict=True))


@pytest.mark.parametrize(
    ("ranked", "targets", "expected"),
    [
        ([1, 2, 3], [1, 2, 3], 1.0),
        ([9, 8, 7], [1, 2, 3], 0.0),
        ([9, 1], [1], 1 / np.log2(3)),
        ([1, 9, 2], [1, 2], (1 + 0.5) / (1 + 1 / np.log2(3))),
        ([], [1], 0.0),
    ],
)
def test_ndcg_by_hand(ranked, targets, expected):
    assert ndcg(ranked, np.array(targets)) == pytest.approx(expected)


def test_ndcg_has_at_most_ten_places():
    assert ndcg(list(range(100)), np.arange(100)) == pytest.approx(1.0)
    assert ndcg(list(range(100)), np.array([10])) == 0.0


def test_seeds_are_masked_and_ties_go_to_the_lower_id():
    recommend = by_scores(lambda seeds: np.array([9, 1, 5, 5, 0], dtype=np.float32))
    assert list(recommend([0], 3)) == [2, 3, 1]
    assert list(recommend([2], 99)) == [0, 3, 1, 4, 2]


def test_people_count_once_whatever_their_draws(world):
    cases = few_seed_cases(world, np.arange(20), 3, min_positives=12, draws=3, seed=1)
    values = mean_ndcg(by_scores(lambda seeds: np.ones(60, dtype=np.float32)), cases)
    assert len(values) == len({case.person for case in cases})


def test_the_interval_holds_the_mean_and_narrows_with_people():
    rng = np.random.default_rng(0)
    few, many = rng.normal(0.5, 0.2, 50), rng.normal(0.5, 0.2, 5000)
    low, high = bootstrap_ci95(few)
    assert low < few.mean() < high
    assert np.diff(bootstrap_ci95(many)) < np.diff(bootstrap_ci95(few)) / 5
