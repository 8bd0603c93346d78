from typing import Any

import pytest

from marquee.bundle import DataInfo, gate
from marquee.bundle.gate import incomparable
from marquee.bundle.publish import pack

WITHIN: dict[str, float | None] = {"coverage@10": 0.3, "stratified_recall@20": 0.2}
HITS = {"coverage@10": 0.1, "stratified_recall@20": 0.1}


def metrics(pipeline: float, popularity: float = 0.2) -> dict[str, Any]:
    return {
        "protocol": "p",
        "ndcg@10": {"5": {"pipeline": pipeline, "popularity": popularity}},
        "beyond": {"5": {"pipeline": WITHIN, "popularity": HITS}},
    }


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
        ({}, None, 1),
        ({"ndcg@10": 3}, None, 1),
        (metrics(float("nan")), None, 1),
        (metrics(0.5), {}, 0),
    ],
)
def test_reasons(candidate: dict[str, Any], current: dict[str, Any] | None, reasons: int) -> None:
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
        incomparable(current.metrics | {"protocol": "v2"}, same, current) or ""
    )
    unmeasured = pack(make_contents(ndcg=None))[0]
    assert "has no ndcg@10" in (incomparable(current.metrics, same, unmeasured) or "")
