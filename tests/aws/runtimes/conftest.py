"""The archives, built and unpacked as AWS would; SageMaker's toolkit and Lambda's runtime around them, for real.

`make test-aws` makes what they run on (.venv-aws) and runs this folder.
"""

import platform
import sys
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from aws.build import build_function, build_model, bundle_store
from marquee.bundle import load, publish
from tests.aws.runtimes import front
from tests.aws.runtimes.containers import STARTS, Container, started, started_behind_front
from tests.aws.runtimes.emulator import Lambda


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory, make_contents: Any) -> Path:
    folder = tmp_path_factory.mktemp("store") / "store"
    contents = make_contents(n_movies=900, seed=7, dimensions=64, columns=True)
    publish(folder, replace(contents, rerank=contents.rerank.model_copy(update={"n_candidates": 200})), force=True)
    return folder


@pytest.fixture(scope="session")
def bundle(store: Path) -> Any:
    return load(store)


@pytest.fixture(scope="session")
def model_folder(store: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """model.tar.gz for this machine's toolkit, as SageMaker unpacks it to /opt/ml/model."""
    folder = tmp_path_factory.mktemp("opt-ml") / "model"
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    made = build_model(bundle_store(store)[1], folder.parent / "model.tar.gz", python=version)
    with tarfile.open(made.path) as archive:
        archive.extractall(folder, filter="data")
    # pytest's folders are for their owner alone, and our own image doesn't run as root.
    for parent in [folder, *list(folder.parents)[:3]]:
        parent.chmod(0o755)
    return folder


@pytest.fixture(scope="session", params=list(STARTS))
def container(
    request: pytest.FixtureRequest, model_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Container]:
    """Each way to serve the model on SageMaker."""
    with started(request.param, model_folder, tmp_path_factory.mktemp(request.param)) as running:
        yield running


@pytest.fixture(scope="session")
def lambda_folders(store: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The zips, unpacked as Lambda does: (/var/task, /opt)."""
    folder = tmp_path_factory.mktemp("lambda")
    arch = "arm64" if platform.machine() == "aarch64" else "x86_64"
    for what, built in build_function(bundle_store(store)[1], folder, arch).items():
        with zipfile.ZipFile(built.path) as archive:
            archive.extractall(folder / ("task" if what == "function" else "opt"))  # noqa: S202 - ours, just built
    return folder / "task", folder / "opt"


@pytest.fixture(scope="session")
def front_server(
    model_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[type[front.Handler], str]]:
    """A front before the real toolkit."""
    with started_behind_front("toolkit", model_folder, tmp_path_factory.mktemp("endpoint")) as running:
        yield running


@pytest.fixture
def endpoint(front_server: tuple[type[front.Handler], str]) -> Iterator[type[front.Handler]]:
    """The endpoint, healthy at first; `endpoint.mode = "throttled"` and so on."""
    handler, _ = front_server
    handler.mode = "normal"
    yield handler
    handler.mode = "normal"


@pytest.fixture(scope="session")
def run_lambda(
    lambda_folders: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[..., Lambda]]:
    """`run_lambda(**environment) -> Lambda`; all of them end with the tests."""
    with ExitStack() as stack:

        def run(**given: str) -> Lambda:
            running = Lambda(lambda_folders, tmp_path_factory.mktemp("rie"), given)
            stack.callback(running.kill)
            return running

        yield run
