"""A bundle behind a local front of SageMaker's runtime."""

import importlib.util
import threading
from pathlib import Path

import pytest

from marquee.bundle import load, publish
from marquee.retrieval.service import RetrievalService

ROOT = Path(__file__).parents[3]


def load_file(name, path):
    """A module by its file's path."""
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


front_module = load_file("aws_front", ROOT / "tests/aws/runtimes/front.py")


@pytest.fixture(autouse=True)
def aws_environment(monkeypatch, tmp_path):
    """Nothing of this machine's own AWS configuration."""
    for name in ("AWS_PROFILE", "AWS_DEFAULT_REGION", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AWS_REGION", "eu-central-1")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))


@pytest.fixture(scope="session")
def store(tmp_path_factory, make_contents):
    folder = tmp_path_factory.mktemp("aws") / "store"
    publish(folder, make_contents(n_movies=300, dimensions=16), force=True)
    return folder


@pytest.fixture(scope="session")
def bundle(store):
    return load(store)


@pytest.fixture
def front(store, monkeypatch):
    """A front whose container is the retrieval service in process; `front.mode = "throttled"` and so on."""
    service = RetrievalService(store, interval=3600)
    service.live.check()

    def container(body, headers):
        reply = service.answer([body])[0]
        return reply.status, reply.text()

    server = front_module.make_front(container)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    monkeypatch.setenv("AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME", f"http://127.0.0.1:{server.server_port}")
    yield server.RequestHandlerClass
    server.RequestHandlerClass.mode = "normal"  # ends what hangs
    server.shutdown()
    server.server_close()
    thread.join()
