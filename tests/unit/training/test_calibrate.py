"""Affinity means something."""

import numpy as np
import pytest

from marquee.pipeline import Pipeline
from marquee_training import calibrate as module
from marquee_training.calibrate import Sample, calibrate, filters_of, reliability, sample


def drawn(slope, intercept, n=40_000, seed=0):
    rng = np.random.default_rng(seed)
    scores = rng.normal(size=n)
    chance = 1 / (1 + np.exp(-(slope * scores + intercept)))
    return made(rng.integers(0, 500, n), scores, rng.random(n) < chance)


def made(people, scores, liked, filters=-1):
    return Sample(people, scores, liked, np.broadcast_to(filters, scores.shape))


def test_recovers_the_curve_that_made_the_data():
    curve = calibrate(drawn(0.7, -1.2))
    assert curve.slope == pytest.approx(0.7, abs=0.03)
    assert curve.intercept == pytest.approx(-1.2, abs=0.03)


def test_the_slope_stays_positive_so_that_no_order_turns():
    assert calibrate(drawn(-0.5, 0)).slope > 0


def test_only_misses_or_only_hits():
    sample = drawn(1, 0, n=50)
    misses = calibrate(made(sample.people, sample.scores, np.zeros(50, dtype=bool)))
    hits = calibrate(made(sample.people, sample.scores, np.ones(50, dtype=bool)))
    assert misses.intercept < 0 < hits.intercept


def test_reliability_tells_true_from_false():
    good = reliability(drawn(0.7, -1.2))
    assert good["ece"] < 0.01
    assert sum(point["n"] for point in good["curve"]) == 40_000
    rng = np.random.default_rng(1)
    sample = drawn(0.7, -1.2)
    bent = made(sample.people, sample.scores, (np.abs(sample.scores) < 0.3) | (rng.random(40_000) < 0.05))
    assert reliability(bent)["ece"] > 0.05


def test_of_too_many_cases_some_are_taken_from_all_parts(make_contents, monkeypatch):
    pipeline = Pipeline(make_contents())
    cases = [(person, np.array([person % 50]), np.array([(person + 1) % 50])) for person in range(1000)]
    monkeypatch.setattr(module, "MOST_CASES", 10)
    assert list(dict.fromkeys(sample(pipeline, cases, "two_tower").people)) == list(range(0, 1000, 100))
    few = sample(pipeline, cases[:7], "two_tower")
    assert list(dict.fromkeys(few.people)) == list(range(7))
    assert len(np.unique(few.filters)) > 1  # each asks once more with a filter
    liked = few.people[few.liked & (few.filters < 0)]
    assert len(liked) == len(set(liked)) > 0  # each has one film to find


def test_the_error_of_each_filter_is_told():
    """One genre is liked less than its scores say."""
    sample = drawn(0.7, -1.2)
    rng = np.random.default_rng(2)
    filters = rng.integers(-1, 2, len(sample.scores))
    liked = sample.liked & ((filters != 1) | (rng.random(len(filters)) < 0.3))
    found = reliability(made(sample.people, sample.scores, liked, filters), ["Comedy", "Horror", "never asked"])
    assert found["by_filter"].keys() == {"Comedy", "Horror"}
    assert found["by_filter"]["Horror"] > 0.1 > found["by_filter"]["Comedy"]


def test_filters_are_each_genre_and_decade(make_contents):
    contents = make_contents()
    names = list(filters_of(contents.catalog))
    assert names[:4] == ["Action", "Comedy", "Drama", "Horror"]
    assert names[4:] == [f"{decade}s" for decade in range(1950, 2020, 10)]
