"""Fronts, against brute force."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marquee_training.sweep.front import AGAINST, on_front, shown

GRID = st.integers(0, 6)  # few values, so that there are ties


def rows_of(points):
    return [dict.fromkeys(AGAINST, float(x)) | {"ndcg@10": float(y)} for x, y in points]


@pytest.mark.parametrize(("against", "sign"), AGAINST.items())
@given(points=st.lists(st.tuples(GRID, GRID), min_size=1, max_size=25))
def test_nothing_beats_what_is_on_the_front(against, sign, points):
    front = on_front(rows_of(points), against)
    values = [(sign * x, y) for x, y in points]

    def beaten(place):
        x, y = values[place]
        return any(a >= x and b >= y and (a, b) != (x, y) for a, b in values)

    best = {values[place] for place in range(len(points)) if not beaten(place)}
    assert {values[place] for place in front} == best
    assert len(front) == len(best)  # of equals the first alone
    assert all(values.index(values[place]) == place for place in front)
    accuracy = [points[place][1] for place in front]
    assert accuracy == sorted(accuracy, reverse=True)


def test_what_is_shown_keeps_the_ends_and_lies_apart():
    rows = rows_of([(x, 100 - x**2 / 10) for x in range(20)])
    assert on_front(rows, "ild@10") == list(range(20))
    near = list(range(11))  # the others lose more than a tenth
    assert shown(rows, "ild@10", 100) == near
    few = shown(rows, "ild@10", 4)
    assert few == [0, 3, 7, 10]
    assert shown(rows, "ild@10", 11) == near


def test_the_best_is_shown_where_all_else_is_far_worse():
    assert shown(rows_of([(1, 10), (2, 5), (3, 4)]), "coverage@10", 5) == [0]
