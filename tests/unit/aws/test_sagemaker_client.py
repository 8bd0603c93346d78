"""The SageMaker adapter, through real boto3, against a front that behaves and misbehaves."""

import socket
import time

import pytest
from botocore import exceptions
from botocore.parsers import ResponseParserError

from marquee.api.conditions import Condition
from marquee.api.contracts import RecommendationRequest
from marquee.api.request_context import RequestContext, deadline, request_context
from marquee.errors import ConfigError, RetrievalUnavailable
from marquee.pipeline import Pipeline
from marquee.retrieval.exact import ExactSearch
from marquee.retrieval.port import Where
from marquee.retrieval.remote import CircuitBreaker
from marquee.retrieval.sagemaker import SageMakerClient, reason_of

SEEDS = (1, 4, 10)
ANY = Where()


@pytest.fixture
def make():
    """`make(**arguments) -> SageMakerClient`, closed at the end; it waits a minute, however busy the machine is."""
    made = []
    patient = dict.fromkeys(("seconds", "connect_seconds", "read_seconds"), 60)

    def build(endpoint="marquee", **arguments):
        made.append(SageMakerClient(endpoint, **{**patient, **arguments}))
        return made[-1]

    yield build
    for client in made:
        client.close()


def reason(client, bundle, where=ANY):
    with pytest.raises(RetrievalUnavailable) as caught:
        client.retriever(bundle.version).candidates(SEEDS, 50, where)
    return caught.value.reason


def test_the_same_bytes_as_in_process(front, make, bundle):
    client = make()
    search = ExactSearch(bundle)
    dramas = Where(columns={"genre": Condition(all=("Drama",))}, only_movie_ids=tuple(range(1, 100)))
    for k, where in ((1, Where()), (50, Where(exclude_movie_ids=SEEDS)), (200, dramas)):
        found = client.retriever(bundle.version).candidates(SEEDS, k, where)
        expected = search.candidates(SEEDS, k, where)
        assert found.movie_ids.tobytes() == expected.movie_ids.tobytes()
        assert found.scores.tobytes() == expected.scores.tobytes()
        assert found.model_version == bundle.version


def test_who_asks_goes_along(front, make, bundle):
    token = request_context.set(RequestContext("my-id", "00-" + "a" * 32 + "-" + "b" * 16 + "-01"))
    make().retriever(bundle.version).candidates(SEEDS, 5, Where())
    request_context.reset(token)
    attributes = front.seen[-1]["X-Amzn-SageMaker-Custom-Attributes"]
    assert attributes == f"X-Request-ID=my-id; traceparent=00-{'a' * 32}-{'b' * 16}-01"


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        ("throttled", "throttled"),
        ("denied", "denied"),
        ("internal", "error"),
        ("unavailable", "not_ready"),
        ("not-ready", "not_ready"),
        ("hangup", "connection_lost"),
        ("garbage", "bad_answer"),
        ("wrong", "bad_answer"),
        ("empty", "bad_answer"),
        ("slow", "timeout"),
        ("drip", "timeout"),
    ],
)
def test_failures_have_reasons_and_end_in_time(front, make, bundle, mode, expected):
    front.mode = mode
    results = []
    limit = {"seconds": 1} if expected == "timeout" else {}
    client = make(on_result=lambda result, ms: results.append((result, ms)), **limit)
    assert reason(client, bundle) == expected
    ((result, ms),) = results
    assert result == expected
    assert ms > 0


@pytest.mark.parametrize("mode", ["throttled-once", "hangup-once"])
def test_a_second_attempt_helps(front, make, bundle, mode):
    front.mode = mode
    assert len(make().retriever(bundle.version).candidates(SEEDS, 5, Where()).movie_ids) == 5


def test_what_the_container_refuses(front, make, bundle):
    assert reason(make(), bundle, Where(genres_any=("Opera",))) == "rejected"


def test_an_endpoint_that_does_not_exist(front, make, bundle):
    assert reason(make("another"), bundle) == "not_found"


def test_nobody_there(make, bundle, monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    monkeypatch.setenv("AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME", f"http://127.0.0.1:{port}")
    assert reason(make(), bundle) == "refused"


def test_the_requests_own_deadline_is_kept(front, make, bundle):
    front.mode = "slow"
    client = make()  # the front hangs until the test is over
    token = deadline.set(time.monotonic() + 0.6)
    try:
        assert reason(client, bundle) == "timeout"
        deadline.set(time.monotonic() + 0.1)
        assert reason(client, bundle) == "timeout"
    finally:
        deadline.reset(token)


def test_more_calls_than_workers_are_busy(front, make, bundle):
    front.mode = "slow"
    client = make(workers=1, seconds=0.3)
    assert reason(client, bundle) == "timeout"
    assert reason(client, bundle) == "busy"  # the first one's thread still waits


def test_the_breaker_stops_asking(front, make, bundle):
    front.mode = "denied"
    client = make(breaker=CircuitBreaker(failures=2, pause=60))
    reasons = [reason(client, bundle) for _ in range(3)]
    assert reasons == ["denied", "denied", "circuit_open"]
    assert client.is_open


def test_a_call_that_gets_no_thread_gives_its_slot_back(front, make, bundle, monkeypatch):
    client = make(workers=1)

    def full(*_):
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patched:
        patched.setattr(client._threads, "submit", full)
        assert [reason(client, bundle) for _ in range(2)] == ["error", "error"]  # not busy
    assert client.retriever(bundle.version).candidates(SEEDS, 5, ANY).model_version == bundle.version


def test_a_closed_client_is_unavailable(front, make, bundle):
    client = make()
    client.close()
    assert reason(client, bundle) == "error"


def test_what_can_not_be_asked_costs_neither_slot_nor_trial(front, make, bundle):
    now = [0.0]
    client = make(workers=1, breaker=CircuitBreaker(failures=1, pause=1.0, clock=lambda: now[0]))
    front.mode = "internal"
    assert reason(client, bundle) != "circuit_open"
    front.mode = "normal"
    now[0] = 1.5  # time for a trial
    with pytest.raises(RetrievalUnavailable) as caught:
        client.retriever(bundle.version).candidates([object()], 5, ANY)
    assert caught.value.reason == "error"
    assert client.retriever(bundle.version).candidates(SEEDS, 5, ANY).model_version == bundle.version
    assert not client.is_open


def test_the_pipeline_goes_down_one_rung(front, make, bundle):
    front.mode = "throttled"
    pipeline = Pipeline(bundle, make().retriever(bundle.version))
    answer = pipeline.recommend(RecommendationRequest(movie_ids=list(SEEDS), top_n=5))
    assert answer.served_by == "item_cf"
    assert answer.degraded == ["retrieval_throttled"]
    assert len(answer.recommendations) == 5


def test_no_region_is_an_error_with_a_fix(make, monkeypatch):
    monkeypatch.delenv("AWS_REGION")
    with pytest.raises(ConfigError, match="MARQUEE_AWS_REGION"):
        make()
    make(region="eu-west-1")


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (exceptions.NoCredentialsError(), "denied"),
        (exceptions.ConnectTimeoutError(endpoint_url="x"), "refused"),
        (exceptions.ReadTimeoutError(endpoint_url="x"), "timeout"),
        (exceptions.IncompleteReadError(actual_bytes=1, expected_bytes=2), "error"),
        (ResponseParserError("x"), "bad_answer"),
        (TimeoutError(), "timeout"),
        (ValueError(), "error"),
        (exceptions.ClientError({"Error": {"Code": "New"}}, "InvokeEndpoint"), "error"),
        (
            exceptions.ClientError({"Error": {"Code": "ModelError"}, "OriginalStatusCode": 503}, "InvokeEndpoint"),
            "not_ready",
        ),
    ],
)
def test_reasons(error, expected):
    assert reason_of(error) == expected
