"""Affinity means something."""

import numpy as np
import pytest

from marquee.pipeline import Pipeline
from marquee_training import calibrate as module
from marquee_training.calibrate import Sample, calibrate, reliability, sample


def drawn(slope, intercept, n=40_000, seed=0):
    rng = np.random.default_rng(seed)
    scores = rng.normal(size=n)
    chance = 1 / (1 + np.exp(-(slope * scores + intercept)))
    return Sample(rng.integers(0, 500, n), scores, rng.random(n) < chance)


def test_recovers_the_curve_that_made_the_data():
    curve = calibrate(drawn(0.7, -1.2))
    assert curve.slope == pytest.approx(0.7, abs=0.03)
    assert curve.intercept == pytest.approx(-1.2, abs=0.03)


def test_the_slope_stays_positive_so_that_no_order_turns():
    assert calibrate(drawn(-0.5, 0)).slope > 0


def test_only_misses_or_only_hits():
    sample = drawn(1, 0, n=50)
    misses = calibrate(Sample(sample.people, sample.scores, np.zeros(50, dtype=bool)))
    hits = calibrate(Sample(sample.people, sample.scores, np.ones(50, dtype=bool)))
    assert misses.intercept < 0 < hits.intercept


def test_reliability_tells_true_from_false():
    good = reliability(drawn(0.7, -1.2))
    assert good["ece"] < 0.01
    assert sum(point["n"] for point in good["curve"]) == 40_000
    rng = np.random.default_rng(1)
    sample = drawn(0.7, -1.2)
    bent = Sample(sample.people, sample.scores, (np.abs(sample.scores) < 0.3) | (rng.random(40_000) < 0.05))
    assert reliability(bent)["ece"] > 0.05


def test_of_too_many_cases_some_are_taken_from_all_parts(make_contents, monkeypatch):
    pipeline = Pipeline(make_contents())
    cases = [(person, np.array([person % 50]), np.array([(person + 1) % 50])) for person in range(1000)]
    monkeypatch.setattr(module, "MOST_CASES", 10)
    assert list(dict.fromkeys(sample(pipeline, cases, "two_tower").people)) == list(range(0, 1000, 100))
    few = sample(pipeline, cases[:7], "two_tower")
    assert list(dict.fromkeys(few.people)) == list(range(7))
    liked = few.people[few.liked]
    assert len(liked) == len(set(liked)) > 0  # each has one film to find
