"""The questions that models are asked."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from marquee_training.evaluation.cases import few_seed_cases, holdout_cases, pack
from marquee_training.interactions import split_people


@given(people=st.integers(10, 200), folds=st.integers(2, 8), seed=st.integers(0, 5))
def test_everyone_is_tested_once_and_never_by_a_model_that_saw_them(people, folds, seed):
    parts = split_people(people, folds, 0.1, seed)
    assert sorted(np.concatenate([part.test for part in parts]).tolist()) == list(range(people))
    for part in parts:
        everyone = np.concatenate([part.train, part.validation, part.test])
        assert sorted(everyone.tolist()) == list(range(people))


def test_cases_split_a_persons_likes(world):
    cases = few_seed_cases(world, np.arange(30), 5, min_positives=12, draws=2, seed=1)
    assert len(cases) == 2 * len(cases.unique_people) > 0
    for person, seeds, targets in cases:
        liked = world.liked(person)
        assert len(seeds) == 5
        assert len(liked) >= 12
        assert sorted([*seeds, *targets]) == liked.tolist()


def test_every_k_asks_the_same_people_and_draws_do_not_depend_on_who_else_is_asked(world):
    asked = {k: few_seed_cases(world, np.arange(60), k, min_positives=12, draws=2, seed=1) for k in (1, 5)}
    assert asked[1].people.tolist() == asked[5].people.tolist()
    fewer = few_seed_cases(world, np.arange(30, 60), 5, min_positives=12, draws=2, seed=1)
    later = [seeds.tolist() for person, seeds, _ in asked[5] if person >= 30]
    assert later == [seeds.tolist() for _, seeds, _ in fewer]


def test_at_most_so_many_people(world):
    cases = few_seed_cases(world, np.arange(60), 1, min_positives=12, draws=2, seed=1, max_people=7)
    assert len(cases.unique_people) == 7
    assert len(cases) == 14


def test_holdout_shows_four_fifths(world):
    cases = holdout_cases(world, np.arange(40), draws=2, seed=1)
    assert set(cases.unique_people.tolist()) == set(np.flatnonzero(world.n_liked[:40] >= 5))
    for person, seeds, targets in cases:
        liked = world.liked(person)
        assert len(targets) == max(1, len(liked) // 5)
        assert sorted([*seeds, *targets]) == liked.tolist()


def test_holdout_draws_differ(world):
    (person, _, targets), (other_person, _, other_targets), *_ = holdout_cases(world, np.arange(40), draws=2, seed=1)
    assert person == other_person
    assert targets.tolist() != other_targets.tolist()


def test_a_person_counts_once_whatever_their_requests():
    empty = np.empty(0, dtype=np.int32)
    cases = pack([9, 9, 4, 4, 7], [empty] * 5, [empty] * 5, 3)
    values = cases.per_person(np.array([1.0, 2.0, 5.0, np.nan, np.nan]))
    assert cases.unique_people.tolist() == [9, 4, 7]
    assert values[:2].tolist() == [1.5, 5.0]
    assert np.isnan(values[2])


def test_the_order_of_seeds_is_lost_on_purpose():
    one = pack([1], [np.array([5, 2, 9], dtype=np.int32)], [np.array([1], dtype=np.int32)], 10)
    other = pack([1], [np.array([9, 5, 2], dtype=np.int32)], [np.array([1], dtype=np.int32)], 10)
    assert (one.seeds != other.seeds).nnz == 0
    assert one.seeds.indices.tolist() == other.seeds.indices.tolist() == [2, 5, 9]


def test_no_requests():
    none = pack([], [], [], 4)
    assert len(none) == 0
    assert none.seeds.shape == (0, 4)
    assert not list(none)
    assert none.per_person(np.empty(0)).shape == (0,)


@pytest.mark.parametrize("draws", [1, 3])
def test_the_number_of_draws(world, draws):
    cases = few_seed_cases(world, np.arange(10), 3, min_positives=12, draws=draws, seed=1)
    assert np.bincount(cases.people)[cases.unique_people].tolist() == [draws] * len(cases.unique_people)
