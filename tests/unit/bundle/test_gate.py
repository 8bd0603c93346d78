from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from marquee.bundle import DataInfo, Metrics, gate, publish
from marquee.bundle.gate import ABOVE_POPULARITY, BOUNDS, incomparable
from marquee.bundle.publish import pack
from marquee.errors import PublishRefused

OURS: dict[str, Any] = {
    "coverage@10": 0.03,
    "ild@10": 0.8,
    "stratified_recall@20": 0.2,
    "niche_ndcg@10": 0.4,
    "genre_divergence@10": 0.5,
    "personalisation@10": 0.6,
    "hits_share@10": 0.3,
    "median_popularity@10": 100.0,
}
HITS = {"coverage@10": 0.002, "stratified_recall@20": 0.15}


def metrics(ndcg: float = 0.5, popularity: float = 0.2, hits: Any = HITS, **ours: Any) -> Metrics:
    """Metrics of a bundle; `coverage=0.1` and such change one of the pipeline's."""
    pipeline = OURS | {f"{name}@{20 if name == 'stratified_recall' else 10}": value for name, value in ours.items()}
    return Metrics.model_validate(
        {
            "protocol": "test-v1",
            "ndcg@10": {"5": {"pipeline": ndcg, "popularity": popularity}},
            "beyond": {"5": {"pipeline": pipeline, "popularity": hits}},
        }
    )


def changed(measured: Metrics, **entries: Any) -> Metrics:
    return Metrics.model_validate(measured.document | entries)


@pytest.mark.parametrize(
    ("candidate", "current", "reasons"),
    [
        (metrics(0.5), None, 0),
        (metrics(0.5), metrics(0.5), 0),
        (metrics(0.491), metrics(0.5), 0),
        (metrics(0.489), metrics(0.5), 1),
        (metrics(0.2, popularity=0.2), None, 0),
        (metrics(0.19, popularity=0.2), None, 1),
        (metrics(0.19, popularity=0.2), metrics(0.5), 2),
        (Metrics(), None, 1),
        (Metrics.model_validate({"ndcg@10": 3}), None, 1),
        (metrics(float("nan")), None, 1),
        (metrics(0.5), Metrics(), 0),
    ],
)
def test_reasons(candidate: Metrics, current: Metrics | None, reasons: int) -> None:
    assert len(gate(candidate, current)) == reasons


def test_the_margin_is_what_may_be_lost() -> None:
    assert gate(metrics(0.45), metrics(0.5), margin=0.1) == []
    assert gate(metrics(0.495), metrics(0.5), margin=0.001)


def test_only_like_is_compared_with_like(make_contents: Any) -> None:
    current = pack(make_contents())[0]
    same = DataInfo(name="random", sha256="d" * 64)
    assert incomparable(current.metrics, same, current) is None
    assert "other data (random)" in (incomparable(current.metrics, DataInfo(name="x", sha256="e" * 64), current) or "")
    assert "other data" in (incomparable(current.metrics, DataInfo(name="x"), current) or "")
    assert "protocol 'test-v1', this one by 'v2'" in (
        incomparable(changed(current.metrics, protocol="v2"), same, current) or ""
    )
    unmeasured = pack(make_contents(ndcg=None))[0]
    assert "has no ndcg@10" in (incomparable(current.metrics, same, unmeasured) or "")


def test_the_same_again_passes() -> None:
    assert gate(metrics(), metrics()) == []


@pytest.mark.parametrize("bound", BOUNDS, ids=lambda bound: bound[0])
def test_a_loss_beyond_the_margin_is_a_reason_that_says_what_to_do(bound: Any) -> None:
    metric, may_lose, _, fix = bound
    name, live = metric.split("@")[0], OURS[metric]
    inside, outside = (live * (1 + may_lose * part) for part in (0.99, 1.01))
    assert gate(metrics(**{name: inside}), metrics()) == []
    (reason,) = gate(metrics(**{name: outside}), metrics())
    assert reason.startswith(f"{metric} at 5 seeds is {outside:.4f}, more than {abs(may_lose):.0%} ")
    assert f"the current bundle's {live:.4f}" in reason
    assert reason.endswith(fix)
    gain = metrics(**{name: live * (1 - 10 * may_lose) if may_lose < 0 else 0.0})
    assert gate(gain, metrics()) == []


def test_every_loss_is_named() -> None:
    less = {"coverage": 0.01, "ild": 0.1, "niche_ndcg": 0.1, "stratified_recall": 0.16, "personalisation": 0.1}
    bad = metrics(**less, genre_divergence=3.0, hits_share=0.9)
    assert len(gate(bad, metrics())) == len(BOUNDS) == 7
    assert gate(bad, None) == []


@pytest.mark.parametrize("metric", ABOVE_POPULARITY)
@pytest.mark.parametrize(("factor", "reasons"), [(0.9, 1), (1.0, 1), (1.01, 0)])
def test_no_more_than_a_list_of_hits_is_refused(metric: str, factor: float, reasons: int) -> None:
    found = gate(metrics(**{metric.split("@", maxsplit=1)[0]: HITS[metric] * factor}), None)
    assert len(found) == reasons
    assert all(metric in reason and f"({HITS[metric]:.4f})" in reason and "delta_pop" in reason for reason in found)


def test_where_popularity_shows_everything_nothing_can_be_above_it() -> None:
    assert gate(metrics(hits={"coverage@10": 1.0, "stratified_recall@20": 0.1}, coverage=1.0), None) == []


@pytest.mark.parametrize("beyond", [{}, {"beyond": 3}, {"beyond": {"5": {"pipeline": OURS}}}, {"beyond": {"5": None}}])
def test_without_figures_nothing_shows_that_it_is_good(beyond: dict[str, Any]) -> None:
    bare = Metrics.model_validate({"ndcg@10": metrics().document["ndcg@10"], **beyond})
    (reason,) = gate(bare, metrics())
    assert "has no coverage@10 and stratified_recall@20" in reason


@pytest.mark.parametrize("missing", [None, "much", float("nan")])
def test_what_one_of_the_two_lacks_is_not_compared(missing: Any) -> None:
    """Such as the genres of films that have none: null in the manifest."""
    assert gate(metrics(genre_divergence=missing), metrics()) == []
    assert gate(metrics(genre_divergence=9.0), metrics(genre_divergence=missing)) == []


def test_publishing_says_all_reasons_and_force_overrules(tmp_path: Path, make_contents: Any) -> None:
    publish(tmp_path, replace(make_contents(seed=1), metrics=metrics()))
    narrow = replace(make_contents(seed=2), metrics=metrics(coverage=0.02, niche_ndcg=0.2))
    with pytest.raises(PublishRefused, match=r"- coverage@10 at 5 seeds is 0\.0200[^$]*- niche_ndcg@10[^$]*--force"):
        publish(tmp_path, narrow)
    assert "although coverage@10" in publish(tmp_path, narrow, force=True).notes[0]


def test_a_current_bundle_without_figures_is_compared_by_ndcg_alone(tmp_path: Path, make_contents: Any) -> None:
    old = changed(metrics(), beyond={})
    publish(tmp_path, replace(make_contents(seed=1), metrics=old), force=True)
    published = publish(tmp_path, replace(make_contents(seed=2), metrics=metrics()))
    assert [note for note in published.notes if "by ndcg@10 alone: it has no figures beyond accuracy" in note]
    with pytest.raises(PublishRefused, match="below the current"):
        publish(tmp_path, replace(make_contents(seed=3), metrics=metrics(0.3)))
