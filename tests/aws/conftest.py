"""The archives, built and unpacked as AWS would; SageMaker's toolkit and Lambda's runtime around them, for real.

`make aws-verify` makes what they run on (.venv-aws) and runs this folder.
"""

import contextlib
import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tarfile
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from aws.build.function import build_function
from aws.build.model import build_model
from marquee.bundle import load, publish
from marquee.errors import MarqueeError

from . import front

ROOT = Path(__file__).parents[2]
ENVS = Path(os.environ.get("AWS_ENVS", ROOT / ".venv-aws"))
HERE = Path(__file__).parent
IMAGE = os.environ.get("RETRIEVAL_IMAGE", "marquee-retrieval:dev")
ENDPOINT = "marquee"


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def until(condition: Callable[[], Any], seconds: float = 120.0) -> Any:
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, "the condition never came true"
        time.sleep(0.1)
    return value


def needs(what: str) -> Path:
    """An environment of .venv-aws."""
    if not (ENVS / what).exists():
        pytest.skip(f"no {ENVS / what}: `make aws-env` makes it")
    return ENVS / what


def needs_namespaces() -> None:
    if os.geteuid() or subprocess.run(["unshare", "--mount", "--net", "true"], check=False).returncode:
        pytest.skip("mount and network namespaces need root")


def unpacked_bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory, make_contents: Any) -> Path:
    """AWS_TEST_STORE, or random films."""
    if given := os.environ.get("AWS_TEST_STORE"):
        return Path(given)
    folder = tmp_path_factory.mktemp("store") / "store"
    publish(folder, make_contents(n_movies=900, seed=7, dimensions=64), force=True)
    return folder


@pytest.fixture(scope="session")
def bundle(store: Path) -> Any:
    return load(store)


@pytest.fixture(scope="session")
def model_archive(store: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """model.tar.gz for this machine's toolkit."""
    target = tmp_path_factory.mktemp("model") / "model.tar.gz"
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    return offline(lambda: build_model(store, target, pythons=(version,)).built.path)


def offline(build: Callable[[], Any]) -> Any:
    """Builds fetch wheels; where there is no index, tests that need them are skipped."""
    try:
        return build()
    except MarqueeError as error:
        if "no wheels" in str(error) and os.environ.get("AWS_OFFLINE"):
            pytest.skip(str(error))
        raise


@pytest.fixture(scope="session")
def model_folder(model_archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As SageMaker unpacks it to /opt/ml/model."""
    folder = tmp_path_factory.mktemp("opt-ml") / "model"
    with tarfile.open(model_archive) as archive:
        archive.extractall(folder, filter="data")
    # pytest's folders are for their owner alone, and our own image doesn't run as root.
    for parent in [folder, *list(folder.parents)[:3]]:
        parent.chmod(0o755)
    return folder


class Container:
    """A container's process, or something that stands for it; `invoke` goes to its /invocations."""

    def __init__(self, process: subprocess.Popen[bytes], address: str, log: Path) -> None:
        self.process, self.address, self.log = process, address, log

    def request(
        self, method: str, path: str, body: bytes | str = b"", content_type: str = "application/json"
    ) -> tuple[int, bytes]:
        headers = {"Host": "container", "Content-Type": content_type}
        with contextlib.closing(front.connection_to(self.address, 20)) as connection:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            return answer.status, answer.read()

    def invoke(self, body: bytes | str) -> tuple[int, bytes]:
        return self.request("POST", "/invocations", body)

    def ready(self) -> bool:
        """By a real answer: TorchServe's /ping is green without any worker."""
        assert self.process.poll() is None, self.log.read_text()[-3000:]
        try:
            return self.invoke(b'{"instances": [{"movie_ids": [1], "k": 1}]}')[0] == 200
        except (OSError, http.client.HTTPException):
            return False


def start_toolkit(folder: Path, scratch: Path) -> Container:
    """`serve`, the toolkit's command, in a namespace that looks like SageMaker's container."""
    needs_namespaces()
    binaries = needs("toolkit") / "bin"
    if shutil.which("java") is None:
        pytest.skip("no java: TorchServe needs a JDK 17")
    address = str(scratch / "in.sock")
    environment = {
        "PATH": f"{binaries}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "SAGEMAKER_MODEL_SERVER_WORKERS": "1",
        "TS_DISABLE_SYSTEM_METRICS": "true",
        "LANG": "C.UTF-8",
    }
    log = scratch / "log.txt"
    command = ["unshare", "--mount", "--net", "sh", HERE / "container.sh", folder, address, scratch]
    with log.open("wb") as out:
        process = subprocess.Popen(
            [*map(str, command), str(binaries / "python"), "serve"],
            env=environment,
            stdout=out,
            stderr=out,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
    return Container(process, address, log)


def start_image(folder: Path, scratch: Path) -> Container:
    """Our own image, as SageMaker runs one: with the argument `serve`, and the model read-only."""
    found = shutil.which("docker") and subprocess.run(
        ["docker", "image", "inspect", IMAGE], check=False, capture_output=True
    )
    if not found or found.returncode:
        pytest.skip(f"no image {IMAGE}: `make images` builds it")
    port = free_port()
    log = scratch / "log.txt"
    command = ["docker", "run", "--rm", "-p", f"127.0.0.1:{port}:8080", "-v", f"{folder}:/opt/ml/model:ro"]
    command += [
        "--cpus",
        "1",
        "--read-only",
        "--tmpfs",
        "/tmp",  # noqa: S108 - in the container
        "-e",
        "MARQUEE_ARTIFACTS_DIR=/opt/ml/model",
        IMAGE,
        "serve",
    ]
    with log.open("wb") as out:
        process = subprocess.Popen(command, stdout=out, stderr=out, stdin=subprocess.DEVNULL, start_new_session=True)
    return Container(process, f"http://127.0.0.1:{port}", log)


STARTS = {"toolkit": start_toolkit, "image": start_image}


@contextlib.contextmanager
def started(kind: str, folder: Path, scratch: Path) -> Iterator[Container]:
    container = STARTS[kind](folder, scratch)
    try:
        until(container.ready)
        yield container
    finally:
        stop(container)


def stop(container: Container) -> int:
    """SIGTERM, as SageMaker sends it; the exit code. What is left after 30 s, or behind, is killed."""
    process = container.process
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
    try:
        return process.wait(30)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


@pytest.fixture(scope="session", params=list(STARTS))
def container(
    request: pytest.FixtureRequest, model_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Container]:
    """Each way to serve the model on SageMaker."""
    with started(request.param, model_folder, tmp_path_factory.mktemp(request.param)) as running:
        yield running


class Lambda:
    """The function under Lambda's runtime interface emulator."""

    def __init__(self, process: subprocess.Popen[bytes], port: int, log: Path) -> None:
        self.process, self.port, self.log = process, port, log

    def invoke(self, event: Any) -> Any:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        with contextlib.closing(connection):
            connection.request("POST", "/2015-03-31/functions/function/invocations", json.dumps(event))
            return json.loads(connection.getresponse().read())

    def metrics(self) -> list[dict[str, Any]]:
        """All blobs of metrics so far (EMF)."""
        return [line for line in self.lines() if "_aws" in line]

    def lines(self) -> list[dict[str, Any]]:
        text = self.log.read_text(errors="replace").splitlines()
        return [json.loads(line) for line in text if line.startswith("{")]

    def answers(self) -> bool:
        assert self.process.poll() is None, self.log.read_text()[-3000:]
        with contextlib.suppress(OSError, http.client.HTTPException):
            answer = self.invoke({"movie_ids": [1]})
            assert "recommendations" in answer, self.log.read_text()[-3000:]
            return True
        return False


@pytest.fixture(scope="session")
def lambda_folders(store: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The zips, unpacked as Lambda does: (/var/task, /opt)."""
    folder = tmp_path_factory.mktemp("lambda")
    made = offline(lambda: build_function(store, folder, "x86_64"))
    for built, target in ((made.code, "task"), (made.packages, "opt"), (made.bundle, "opt")):
        with zipfile.ZipFile(built.path) as archive:
            archive.extractall(folder / target)  # noqa: S202 - ours, just built
    return folder / "task", folder / "opt"


@pytest.fixture(scope="session")
def front_server(
    model_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[type[front.Handler], str]]:
    """A front of SageMaker before the real toolkit: its handler, whose `mode` is set, and its address."""
    with started("toolkit", model_folder, tmp_path_factory.mktemp("endpoint")) as running:
        server = front.make_front(front.container_at(running.address))
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield server.RequestHandlerClass, f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        server.server_close()
        thread.join()


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
    """`run_lambda(**environment) -> Lambda`, in folders that are read-only."""
    needs_namespaces()
    python, emulator = needs("lambda") / "bin/python", needs("rie") / "samcli/local/rapid/aws-lambda-rie-x86_64"
    task, opt = lambda_folders
    running: list[Lambda] = []

    def run(**given: str) -> Lambda:
        port, api = free_port(), free_port()
        log = tmp_path_factory.mktemp("rie") / "log.txt"
        environment = {
            "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "PYTHONPATH": "/var/task:/opt/python",
            "LAMBDA_TASK_ROOT": "/var/task",
            "AWS_LAMBDA_FUNCTION_NAME": "marquee",
            "AWS_LAMBDA_FUNCTION_TIMEOUT": "10",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "1024",
            "AWS_REGION": "eu-central-1",
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": "testing",
            "POWERTOOLS_SERVICE_NAME": "marquee-test",
            "MARQUEE_ARTIFACTS_DIR": "/opt/marquee",
            **given,
        }
        mounts = (
            f"mkdir -p /var/task && mount --bind {task} /var/task && mount -o remount,ro,bind /var/task"
            f" && mount --bind {opt} /opt && mount -o remount,ro,bind /opt && cd /var/task && exec "
        )
        command = (
            f"{emulator} --runtime-interface-emulator-address 127.0.0.1:{port} --runtime-api-address 127.0.0.1:{api}"
            f" {python} -m awslambdaric lambda_function.lambda_handler"
        )
        with log.open("wb") as out:
            process = subprocess.Popen(
                ["unshare", "--mount", "sh", "-c", mounts + command],
                env=environment,
                stdout=out,
                stderr=out,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
        running.append(Lambda(process, port, log))
        return running[-1]

    yield run
    for one in running:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(one.process.pid, signal.SIGKILL)
        one.process.wait(10)
