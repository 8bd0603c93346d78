"""Our own container in process: what it logs about those who ask."""

import asyncio
import logging

import pytest

from aws.sagemaker.server import Container
from marquee.retrieval.service import RetrievalService

PARENT = "00-" + "a" * 32 + "-" + "b" * 16 + "-01"


@pytest.fixture(scope="module")
def service(store):
    made = RetrievalService(store, interval=3600)
    made.live.check()
    return made


def invoke(service, body, attributes):
    """The status."""
    sent = []

    async def receive():
        return {"type": "http.request", "body": body}

    async def send(message):
        sent.append(message)

    headers = [(b"x-amzn-sagemaker-custom-attributes", attributes)] if attributes else []
    scope = {"method": "POST", "path": "/invocations", "headers": headers}
    asyncio.run(Container(service)(scope, receive, send))
    return sent[0]["status"]


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        (b"X-Request-ID=my-id", "my-id"),
        (f"X-Request-ID=my; id; traceparent={PARENT}".encode(), "my; id"),
        (b"X-Request-ID=a\nforged", "unknown"),
        (b"", "unknown"),
    ],
)
def test_who_asked_what_is_refused_is_logged(service, caplog, attributes, expected):
    caplog.set_level(logging.INFO, "marquee.sagemaker")
    assert invoke(service, b"{}", attributes) == 400
    assert [(one.levelname, one.message) for one in caplog.records] == [("INFO", f"400: X-Request-ID {expected}")]


def test_a_fault_is_a_warning(store, caplog):
    class Failing:
        def answer(self, _):
            raise ZeroDivisionError

    assert invoke(Failing(), b"{}", b"X-Request-ID=my-id") == 500
    assert ("WARNING", "500: X-Request-ID my-id") in [(one.levelname, one.message) for one in caplog.records]


def test_answers_are_not_logged(service, bundle, caplog):
    caplog.set_level(logging.INFO, "marquee.sagemaker")
    from marquee.retrieval.port import Query, Where
    from marquee.retrieval.wire import ask

    assert invoke(service, ask(Query((1, 4), 5, Where()), "v1", bundle.version), b"X-Request-ID=my-id") == 200
    assert caplog.records == []
