"""Intervals over people."""

import numpy as np
import pytest
from scipy.stats import bootstrap

from marquee_training.evaluation.intervals import ci95, rounded_ci95


def test_the_interval_holds_the_mean_and_narrows_with_people():
    rng = np.random.default_rng(0)
    few, many = rng.normal(0.5, 0.2, 50), rng.normal(0.5, 0.2, 5000)
    low, high = ci95(few)
    assert low < few.mean() < high
    assert np.diff(ci95(many)) < np.diff(ci95(few)) / 5


def test_as_scipy_has_it():
    values = np.random.default_rng(1).beta(2, 5, 400)
    theirs = bootstrap((values,), np.mean, n_resamples=5000, method="percentile", rng=0).confidence_interval
    np.testing.assert_allclose(ci95(values), theirs, atol=0.0015)


def test_rows_share_their_resamples_so_a_constant_lead_is_certain():
    values = np.random.default_rng(2).random(60)
    low, high = ci95(values + 0.1)
    np.testing.assert_allclose([low, high], np.array(ci95(values)) + 0.1, atol=1e-6)
    np.testing.assert_allclose(ci95((values + 0.1) - values), [0.1, 0.1], atol=1e-6)


def test_people_without_a_value_count_in_no_mean():
    values = np.array([0.2, 0.2, np.nan, 0.2])
    np.testing.assert_allclose(ci95(values), [0.2, 0.2], atol=1e-6)
    assert np.isnan(ci95(np.array([np.nan, np.nan]))).all()


def test_the_same_every_time():
    values = np.random.default_rng(3).random(40)
    assert rounded_ci95(values) == rounded_ci95(values.copy())
    assert rounded_ci95(values) == pytest.approx(list(ci95(values)), abs=6e-5)
