"""A bundle behind a local front of SageMaker's runtime."""

import importlib.util
import os
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
