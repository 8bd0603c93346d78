"""Seeds by interest."""

from dataclasses import replace

import numpy as np
import pytest

from marquee.rerank.groups import LEAST_LIKENESS, MAX_INTERESTS, cluster, split_interests
from marquee.retrieval.port import Where
from marquee.retrieval.taste import make_taste


def likeness(*groups, within=0.8, between=0.0):
    size = sum(groups)
    alike = np.full((size, size), between, np.float32)
    start = 0
    for group in groups:
        alike[start : start + group, start : start + group] = within
        start += group
    return alike


def test_two_tastes_are_told_apart():
    assert cluster(likeness(2, 3), [5, 6, 10, 11, 12]) == [[10, 11, 12], [5, 6]]


def test_one_taste_stays_one():
    assert cluster(likeness(4), [1, 2, 3, 4]) == [[1, 2, 3, 4]]


def test_a_single_film_is_an_interest():
    assert cluster(np.ones((1, 1), np.float32), [7]) == [[7]]


def test_never_more_than_can_be_served():
    found = cluster(likeness(*[1] * 9), list(range(9)))
    assert len(found) == MAX_INTERESTS
    assert sorted(row for part in found for row in part) == list(range(9))


@pytest.mark.parametrize("between", [LEAST_LIKENESS - 0.05, LEAST_LIKENESS + 0.05])
def test_the_threshold_is_the_mean_likeness_between_groups(between):
    alike = likeness(2, 2, between=between)
    assert (len(cluster(alike, [0, 1, 2, 3])) == 1) == (between > LEAST_LIKENESS)


def test_seeds_of_one_interest_are_not_split(make_contents):
    contents = make_contents()
    tower = replace(contents.two_tower, item_vectors=np.ones_like(contents.two_tower.item_vectors))
    catalog = replace(contents.catalog, genres=np.ones_like(contents.catalog.genres))
    for bundle, n in ((replace(contents, two_tower=tower, catalog=catalog), 3), (contents, 1)):
        taste = make_taste(bundle, list(range(n)), Where(), np.ones(len(catalog), np.bool_))
        assert split_interests(bundle, taste) == []
