"""Sums and quantiles from the metrics."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Counter, Histogram

from marquee_reranker.operations import buckets, quantile, totals

INF = float("inf")


@pytest.fixture
def counter():
    counter = Counter("seen_total", "Seen.", ["route", "status"], registry=CollectorRegistry())
    for route, status, n in (("/a", "200", 3), ("/b", "200", 4), ("/b", "503", 5)):
        counter.labels(route, status).inc(n)
    return counter


def histogram(*seconds, route="/a", bounds=(0.1, 0.2, 0.4)):
    made = Histogram("took_seconds", "Took.", ["route"], buckets=bounds, registry=CollectorRegistry())
    for value in seconds:
        made.labels(route).observe(value)
    return made


def test_totals(counter):
    assert totals(counter, "status") == {"200": 7, "503": 5}
    assert totals(counter, "route") == {"/a": 3, "/b": 9}
    assert totals(counter, "status", {"route": ["/b"]}) == {"200": 3}
    assert totals(counter, "status", {"route": ["/a", "/b"]}) == {}


def test_buckets_add_up_series():
    took = histogram(0.05, 0.15, 9)
    took.labels("/b").observe(0.15)
    took.labels("/c").observe(0.05)
    assert buckets(took, route=["/a", "/b"]) == [(0.1, 1), (0.2, 3), (0.4, 3), (INF, 4)]
    assert buckets(took, route=["/none"]) == []
    assert buckets(took) == [(0.1, 2), (0.2, 4), (0.4, 4), (INF, 5)]


@pytest.mark.parametrize(
    ("counted", "q", "expected"),
    [
        ([], 0.5, None),
        ([(0.1, 0), (INF, 0)], 0.5, None),
        ([(0.1, 10), (0.2, 10), (INF, 10)], 0.5, 0.05),
        ([(0.1, 0), (0.2, 10), (INF, 10)], 0.5, 0.15),
        ([(0.1, 0), (0.2, 10), (INF, 10)], 1.0, 0.2),
        ([(0.1, 5), (0.2, 5), (0.4, 10), (INF, 10)], 0.75, 0.3),
        ([(0.1, 0), (0.2, 0), (INF, 10)], 0.5, 0.2),
    ],
)
def test_quantiles(counted, q, expected):
    assert quantile(counted, q) == (None if expected is None else pytest.approx(expected))


@given(st.lists(st.floats(0.001, 0.39), min_size=1, max_size=60), st.floats(0.01, 1))
def test_a_quantile_lies_in_the_bucket_of_the_true_one(seconds, q):
    found = quantile(buckets(histogram(*seconds), route=["/a"]), q)
    true = float(np.quantile(seconds, q, method="inverted_cdf"))
    bounds = [0.0, 0.1, 0.2, 0.4]
    place = next(at for at, bound in enumerate(bounds) if bound >= true)
    assert bounds[place - 1] <= found <= bounds[place]
