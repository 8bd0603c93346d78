"""A canary of the retrieval server gets its share of the requests, and costs no answer."""

from collections import Counter
from contextlib import ExitStack

import pytest
from fastapi.testclient import TestClient

from marquee.bundle import publish
from marquee.errors import ConfigError
from marquee.retrieval.canary import draw
from marquee.settings import Settings, load_settings
from marquee_reranker import server
from marquee_reranker.app import create_app
from marquee_reranker.telemetry import Telemetry

ASKED = {"tmdb_ids": [1001, 1004, 1007], "top_n": 10}


class Reranker:
    """A re-ranker in process, with the retrieval that its settings ask for."""

    def __init__(self, stack, **settings):
        self._telemetry = Telemetry()
        settings = Settings(**{"retrieval_seconds": 20, "retrieval_connect_seconds": 5, **settings})
        app = create_app(
            settings, telemetry=self._telemetry, make_retriever=server._retrieval(settings, self._telemetry)
        )
        self._client = stack.enter_context(TestClient(app))
        self._warm_up = self._all_calls()

    def ask(self, request_id=""):
        """The reasons why the answer is degraded."""
        answer = self._client.post("/recommend", json=ASKED, headers={"X-Request-ID": request_id})
        assert answer.status_code == 200, answer.text
        return answer.json()["degraded"]

    def calls(self):
        """Number of calls by target and result, without the warm-up's."""
        return dict(self._all_calls() - self._warm_up)

    def answered(self, target):
        """Number of calls whose time was measured."""
        return self._telemetry.registry.get_sample_value(
            "marquee_retrieval_call_duration_seconds_count", {"target": target}
        )

    def _all_calls(self):
        (metric,) = self._telemetry.retrieval_calls.collect()
        return Counter(
            {
                (sample.labels["target"], sample.labels["result"]): int(sample.value)
                for sample in metric.samples
                if sample.name.endswith("_total")
            }
        )


@pytest.fixture
def reranker(shared_store):
    """`reranker(stable, canary, share=1.0)`"""
    with ExitStack() as stack:
        yield lambda stable, canary, share=1.0, **settings: Reranker(
            stack,
            artifacts=shared_store,
            retrieval_url=stable.url,
            retrieval_canary_url=canary.url,
            retrieval_canary_share=share,
            **settings,
        )


def test_a_share_of_the_requests_goes_to_the_canary_and_repetitions_go_the_same_way(reranker, faulty, shared_store):
    asked = reranker(faulty("healthy", shared_store), faulty("healthy", shared_store), 0.3)
    ids = [f"request-{number}" for number in range(20)]
    n_canary = sum(draw(request_id) < 0.3 for request_id in ids)
    assert 0 < n_canary < 20
    for times in (1, 2):
        assert [asked.ask(request_id) for request_id in ids] == [[]] * 20
        assert asked.calls() == {("canary", "ok"): times * n_canary, ("stable", "ok"): times * (20 - n_canary)}


@pytest.mark.parametrize(
    ("mode", "reason"),
    [("hangup", "connection_lost"), ("503", "not_ready"), ("400", "rejected"), ("garbage", "bad_answer")],
)
def test_what_the_canary_fails_to_answer_is_answered_by_the_stable_server(reranker, faulty, shared_store, mode, reason):
    asked = reranker(faulty("healthy", shared_store), faulty(mode))
    assert [asked.ask() for _ in range(3)] == [[]] * 3
    assert asked.calls() == {("canary", reason): 3, ("stable", "ok"): 3}
    assert (asked.answered("canary"), asked.answered("stable")) == (None, 4)  # one of them warmed up


def test_a_canary_that_hangs_leaves_the_stable_server_half_of_the_time(reranker, faulty, shared_store):
    canary = faulty("healthy", shared_store)
    asked = reranker(faulty("healthy", shared_store), canary, retrieval_seconds=4)
    canary.mode = "slow"
    assert asked.ask() == []
    assert asked.calls() == {("canary", "timeout"): 1, ("stable", "ok"): 1}


def test_no_answer_of_a_canary_with_another_model_is_used(reranker, faulty, shared_store, make_contents, tmp_path):
    publish(tmp_path / "other", make_contents(n_movies=900, seed=8, dimensions=64), force=True)
    asked = reranker(faulty("healthy", shared_store), faulty("healthy", tmp_path / "other"))
    assert asked.ask() == []
    assert asked.calls() == {("canary", "version_skew"): 1, ("stable", "ok"): 1}


def test_where_both_fail_the_stable_servers_reason_is_given(reranker, faulty):
    asked = reranker(faulty("503"), faulty("garbage"))
    assert asked.ask() == ["retrieval_not_ready"]


def test_the_draw_is_uniform():
    drawn = [draw(f"request-{number}") for number in range(2000)]
    assert all(abs(sum(one < share for one in drawn) / 2000 - share) < 0.04 for share in (0.05, 0.1, 0.5, 0.9))
    assert 0 <= min(drawn) < max(drawn) < 1
    assert draw("") != draw("")


@pytest.mark.parametrize("settings", [{}, {"profile": "aws", "sagemaker_endpoint": "x", "retrieval_url": "http://a"}])
def test_a_canary_needs_a_stable_server(settings):
    with pytest.raises(ConfigError, match="needs MARQUEE_RETRIEVAL_URL") as raised:
        load_settings(retrieval_canary_url="http://canary", **settings)
    assert "unset MARQUEE_RETRIEVAL_CANARY_URL" in raised.value.fix
