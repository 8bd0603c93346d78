"""A bundle behind a local front of SageMaker's runtime."""

import base64
import importlib.util
import os
import sys
import threading
import time
import uuid
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from marquee.bundle import load, publish
from marquee.retrieval.service import RetrievalService
from marquee.settings import Settings
from marquee_lambda.app import App
from marquee_reranker.app import create_app

ROOT = Path(__file__).parents[3]


def load_file(name, path):
    """A module by its file's path."""
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


front_module = load_file("aws_front", ROOT / "tests/aws/runtimes/front.py")


@pytest.fixture(scope="module", autouse=True)
def aws_environment():
    """Nothing of this machine's own AWS configuration."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("AWS_PROFILE", "AWS_DEFAULT_REGION", "AWS_SESSION_TOKEN"):
            patch.delenv(name, raising=False)
        patch.setenv("AWS_ACCESS_KEY_ID", "testing")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
        patch.setenv("AWS_REGION", "eu-central-1")
        patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
            patch.setenv(name, os.devnull)
        yield patch


@pytest.fixture(scope="session")
def store(tmp_path_factory, make_contents):
    folder = tmp_path_factory.mktemp("aws") / "store"
    publish(folder, make_contents(n_movies=300, dimensions=16), force=True)
    return folder


@pytest.fixture(scope="session")
def bundle(store):
    return load(store)


@pytest.fixture(scope="module")
def running_front(store, aws_environment):
    """A front whose container is the retrieval service in process."""
    service = RetrievalService(store, interval=3600)
    service.live.check()

    def container(body, headers):
        reply = service.answer([body])[0]
        return reply.status, reply.text()

    server = front_module.make_front(container)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    aws_environment.setenv("AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME", f"http://127.0.0.1:{server.server_port}")
    yield server.RequestHandlerClass
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def front(running_front):
    """The front; `front.mode = "throttled"` and so on, until the test is over."""
    yield running_front
    running_front.mode = "normal"  # ends what hangs


ID = "a-request-of-mine"
JSON = {"Content-Type": "application/json", "X-Request-ID": ID}
KINDS = ("http", "rest", "alb")


def event(kind, body="", method="POST", path="/v1/recommendations", headers=JSON, stage="$default"):
    """An event as API Gateway makes it."""
    text, is_base64 = body, False
    if isinstance(body, bytes):
        text, is_base64 = base64.b64encode(body).decode(), True
    if kind == "http":
        return {
            "version": "2.0",
            "routeKey": "$default",
            "rawPath": path if stage == "$default" else f"/{stage}{path}",
            "rawQueryString": "",
            "headers": {name.lower(): value for name, value in headers.items()},
            "requestContext": {"stage": stage, "http": {"method": method, "path": path, "sourceIp": "192.0.2.1"}},
            "body": text,
            "isBase64Encoded": is_base64,
        }
    context = {"stage": "prod", "identity": {"sourceIp": "192.0.2.1"}}
    several = {"multiValueHeaders": {name: [value] for name, value in headers.items()}}
    if kind == "alb":
        context, several = {"elb": {"targetGroupArn": "arn:aws:elasticloadbalancing:x"}}, {}
    return {
        "resource": "/{proxy+}",
        "httpMethod": method,
        "path": path,
        "headers": headers,
        "queryStringParameters": None,
        "requestContext": context,
        "body": text,
        "isBase64Encoded": is_base64,
        **several,
    }


def headers_of(answer):
    """An answer's headers, in either of the two forms that gateways take."""
    several = answer.get("multiValueHeaders", {})
    return {**answer.get("headers", {}), **{name: ", ".join(values) for name, values in several.items()}}


class Context:
    aws_request_id = "11111111-2222"

    def __init__(self, seconds=300.0):
        self._ends = time.monotonic() + seconds

    def get_remaining_time_in_millis(self):
        return int((self._ends - time.monotonic()) * 1e3)


class Stdout:
    """Whatever is the standard output at the moment; a handler keeps the one that it found."""

    def write(self, text):
        sys.stdout.write(text)

    def flush(self):
        pass


@pytest.fixture(autouse=True)
def _service(monkeypatch):
    # A new one each time: powertools keeps a logger, and the standard output that it found, by this name.
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", f"marquee-{uuid.uuid4().hex}")


def build(store, **settings):
    """A function whose endpoint may take a minute, however busy the machine is."""
    patient = dict.fromkeys(("sagemaker_seconds", "sagemaker_connect_seconds", "sagemaker_read_seconds"), 60)
    app = App(Settings(**{"artifacts": store, **patient, **settings}))
    app._telemetry.logger.registered_handler.setStream(Stdout())
    return app


@pytest.fixture(scope="module")
def ask(store, running_front):
    """`ask(event) -> result`, through the endpoint."""
    app = build(store, profile="aws", sagemaker_endpoint="marquee")
    return lambda given: app.answer(given, Context())


@pytest.fixture(scope="module")
def api(store):
    with TestClient(create_app(Settings(artifacts=store))) as client:
        yield client
