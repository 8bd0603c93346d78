"""Fronts, against brute force."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.sweep.front import AGAINST, on_front, thinned

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


def test_a_thinned_front_keeps_its_ends():
    rows = rows_of([(x, 100 - x**2) for x in range(10)])
    front = on_front(rows, "ild@10")
    assert front == list(range(10))
    few = thinned(front, rows, 4)
    assert few[0] == 0
    assert few[-1] == 9
    assert len(few) <= 4
    assert np.all(np.diff(few) > 0)
    assert thinned(front, rows, 10) == front
