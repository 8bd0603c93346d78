"""Beyond NDCG: each figure has a bound, and each reason names the figure, the bound and what helps."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from marquee.bundle import gate, publish
from marquee.bundle.gate_beyond import BOUNDS, against_current, against_popularity, measured
from marquee.errors import PublishRefused

OURS: dict[str, Any] = {
    "coverage@10": 0.03,
    "ild@10": 0.8,
    "stratified_recall@20": 0.2,
    "niche_ndcg@10": 0.4,
    "genre_divergence@10": 0.5,
    "median_popularity@10": 100.0,
}
HITS = {"coverage@10": 0.002, "stratified_recall@20": 0.15}


def metrics(popularity: Any = HITS, **ours: Any) -> dict[str, Any]:
    pipeline = OURS | {f"{name}@{20 if name == 'stratified_recall' else 10}": value for name, value in ours.items()}
    return {
        "protocol": "test-v1",
        "ndcg@10": {"5": {"pipeline": 0.5, "popularity": 0.2}},
        "beyond": {"5": {"pipeline": pipeline, "popularity": popularity}},
    }


def test_the_same_again_passes() -> None:
    assert gate(metrics(), metrics()) == []


@pytest.mark.parametrize("bound", BOUNDS, ids=lambda bound: bound.metric)
def test_a_loss_beyond_the_margin_is_a_reason_that_says_what_to_do(bound: Any) -> None:
    name, live = bound.metric.split("@")[0], OURS[bound.metric]
    worse = 1 if bound.less_is_better else -1
    inside, outside = (live * (1 + worse * bound.may_lose * part) for part in (0.99, 1.01))
    assert against_current(metrics(**{name: inside}), metrics()) == []
    (reason,) = against_current(metrics(**{name: outside}), metrics())
    assert reason.startswith(f"{bound.metric} at 5 seeds is {outside:.4f}, more than {bound.may_lose:.0%} ")
    assert f"the current bundle's {live:.4f}" in reason
    assert reason.endswith(bound.fix)
    assert against_current(metrics(**{name: live - worse * live}), metrics()) == []  # a gain of any size


def test_every_loss_is_named() -> None:
    bad = metrics(coverage=0.01, ild=0.1, niche_ndcg=0.1, stratified_recall=0.16, genre_divergence=3.0)
    assert len(gate(bad, metrics())) == len(BOUNDS) == 5
    assert gate(bad, None) == []


@pytest.mark.parametrize("name", ["coverage", "stratified_recall"])
@pytest.mark.parametrize(("factor", "reasons"), [(0.9, 1), (1.0, 1), (1.01, 0)])
def test_no_more_than_a_list_of_hits_is_refused(name: str, factor: float, reasons: int) -> None:
    metric = next(metric for metric in HITS if metric.startswith(name))
    found = against_popularity(metrics(**{name: HITS[metric] * factor}))
    assert len(found) == reasons
    assert all(metric in reason and f"({HITS[metric]:.4f})" in reason and "delta_pop" in reason for reason in found)


def test_where_popularity_shows_everything_nothing_can_be_above_it() -> None:
    assert against_popularity(metrics({"coverage@10": 1.0, "stratified_recall@20": 0.1}, coverage=1.0)) == []


@pytest.mark.parametrize("beyond", [{}, {"beyond": 3}, {"beyond": {"5": {"pipeline": OURS}}}, {"beyond": {"5": None}}])
def test_without_figures_nothing_shows_that_it_is_good(beyond: dict[str, Any]) -> None:
    bare = {"ndcg@10": metrics()["ndcg@10"], **beyond}
    assert not measured(bare)
    (reason,) = gate(bare, metrics())
    assert "has no coverage@10 and stratified_recall@20" in reason


@pytest.mark.parametrize("missing", [None, "much", float("nan")])
def test_what_one_of_the_two_lacks_is_not_compared(missing: Any) -> None:
    """Such as the genres of films that have none: null in the manifest."""
    assert against_current(metrics(genre_divergence=missing), metrics()) == []
    assert against_current(metrics(genre_divergence=9.0), metrics(genre_divergence=missing)) == []


def test_publishing_says_all_reasons_and_force_overrules(tmp_path: Path, make_contents: Any) -> None:
    publish(tmp_path, replace(make_contents(seed=1), metrics=metrics()))
    narrow = replace(make_contents(seed=2), metrics=metrics(coverage=0.02, niche_ndcg=0.2))
    with pytest.raises(PublishRefused, match=r"- coverage@10 at 5 seeds is 0\.0200[^$]*- niche_ndcg@10[^$]*--force"):
        publish(tmp_path, narrow)
    assert "although coverage@10" in publish(tmp_path, narrow, force=True).notes[0]


def test_a_current_bundle_without_figures_is_compared_by_ndcg_alone(tmp_path: Path, make_contents: Any) -> None:
    old = metrics()
    del old["beyond"]
    publish(tmp_path, replace(make_contents(seed=1), metrics=old), force=True)
    published = publish(tmp_path, replace(make_contents(seed=2), metrics=metrics()))
    assert [note for note in published.notes if "by ndcg@10 alone: it has no figures beyond accuracy" in note]
    worse = metrics() | {"ndcg@10": {"5": {"pipeline": 0.3, "popularity": 0.2}}}
    with pytest.raises(PublishRefused, match="below the current"):
        publish(tmp_path, replace(make_contents(seed=3), metrics=worse))
