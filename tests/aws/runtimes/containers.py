"""The ways to serve the model on SageMaker, as processes in what looks like SageMaker's container."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from tests.aws.runtimes import front
from tests.waiting import free_port, until

ROOT = Path(__file__).parents[3]
HERE = Path(__file__).parent
ENVS = Path(os.environ.get("AWS_ENVS", ROOT / ".venv-aws"))
IMAGE = f"marquee-sagemaker:{os.environ.get('IMAGE_TAG', 'dev')}"
PROBE = b'{"instances": [{"movie_ids": [1], "k": 1}]}'
# A matrix product on several threads rounds differently; containers and functions have one.
CLEAN = {"LANG": "C.UTF-8", "OPENBLAS_NUM_THREADS": "1"}
SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def needs(what: str) -> Path:
    """An environment of .venv-aws."""
    if not (ENVS / what).exists():
        pytest.skip(f"no {ENVS / what}: `make aws-env` makes it")
    return ENVS / what


def needs_namespaces() -> None:
    if (
        os.geteuid()
        or subprocess.run(["unshare", "--mount", "--net", "--pid", "--fork", "true"], check=False).returncode
    ):
        pytest.skip("mount and network namespaces need root")


class Container:
    """A container's process; `client` talks to its port 8080."""

    def __init__(
        self, command: list[str], environment: dict[str, str] | None, log: Path, client: httpx2.Client
    ) -> None:
        self.log, self.client = log, client
        self.way_in: Path | None = None
        with log.open("wb") as out:
            self.process = subprocess.Popen(
                command, env=environment, stdout=out, stderr=out, stdin=subprocess.DEVNULL, start_new_session=True
            )

    @property
    def main(self) -> int:
        """The process id of the container's first process; docker's client stands for it, and passes signals on."""
        pid = self.process.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split() if self.way_in else []
        return int(children[0]) if children else pid

    def invoke(self, body: bytes | str, **headers: str) -> httpx2.Response:
        headers = {"Content-Type": "application/json", **headers}
        return self.client.post("/invocations", content=body, headers=headers)

    def answers(self) -> bool:
        """By a real answer: TorchServe's /ping is green without any worker."""
        assert self.process.poll() is None, self.log.read_text()[-3000:]
        if self.way_in is not None and not self.way_in.exists():
            return False
        try:
            return self.invoke(PROBE).status_code == 200
        except httpx2.TransportError:
            return False

    def stop(self) -> int:
        """SIGTERM, as SageMaker sends it; the exit code. What is left after 30 s, or behind, is killed."""
        self.client.close()
        if self.process.poll() is None:
            os.kill(self.main, signal.SIGTERM)
        try:
            return self.process.wait(30)
        finally:
            self.kill()

    def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(10)


def in_a_frame(python: Path, command: list[str], environment: dict[str, str], model: Path, scratch: Path) -> Container:
    """A command in namespaces that look like SageMaker's container: see container.sh."""
    needs_namespaces()
    address = scratch / "in.sock"
    # Processes of its own, too: the toolkit looks for TorchServe among all that it sees, and ends if there are two.
    namespaces = "--mount --net --pid --fork --mount-proc --kill-child".split()
    frame = ["unshare", *namespaces, "sh", HERE / "container.sh", model, address, scratch, python]
    client = httpx2.Client(base_url="http://container", transport=httpx2.HTTPTransport(uds=str(address)), timeout=20)
    made = Container([*map(str, frame), *command], {**CLEAN, **environment}, scratch / "log.txt", client)
    made.way_in = address
    return made


def start_toolkit(model: Path, scratch: Path) -> Container:
    """`serve`, the command of SageMaker's PyTorch serving toolkit."""
    binaries = needs("toolkit") / "bin"
    if shutil.which("java") is None:
        pytest.skip("no java: TorchServe needs a JDK 17")
    environment = {
        "PATH": f"{binaries}:{SYSTEM_PATH}",
        "SAGEMAKER_MODEL_SERVER_WORKERS": "1",
        "TS_DISABLE_SYSTEM_METRICS": "true",
    }
    return in_a_frame(binaries / "python", ["serve"], environment, model, scratch)


def start_ours(model: Path, scratch: Path) -> Container:
    """What our image runs, where there is no Docker as well."""
    environment = {
        "PATH": SYSTEM_PATH,
        "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}",
        "MARQUEE_ARTIFACTS_DIR": "/opt/ml/model",
    }
    command = [sys.executable, "-m", "aws.sagemaker.server", "serve"]
    return in_a_frame(Path(sys.executable), command, environment, model, scratch)


def start_image(model: Path, scratch: Path) -> Container:
    """Our image, as SageMaker runs one: with the argument `serve`, and the model read-only."""
    found = shutil.which("docker") and subprocess.run(
        ["docker", "image", "inspect", IMAGE], check=False, capture_output=True
    )
    if not found or found.returncode:
        pytest.skip(f"no image {IMAGE}: `make images` builds it (IMAGE_TAG)")
    port = free_port()
    command = ["docker", "run", "--rm", "--publish", f"127.0.0.1:{port}:8080", "--volume", f"{model}:/opt/ml/model:ro"]
    command += ["--cpus=1", "--read-only", "--tmpfs=/tmp", IMAGE, "serve"]
    return Container(command, None, scratch / "log.txt", httpx2.Client(base_url=f"http://127.0.0.1:{port}", timeout=20))


STARTS = {"toolkit": start_toolkit, "ours": start_ours, "image": start_image}


@contextlib.contextmanager
def started(kind: str, model: Path, scratch: Path) -> Iterator[Container]:
    """A container that answers."""
    container = STARTS[kind](model, scratch)
    try:
        until(container.answers)
        yield container
    finally:
        container.stop()


@contextlib.contextmanager
def started_behind_front(kind: str, model: Path, scratch: Path) -> Iterator[tuple[type[front.Handler], str]]:
    """A front of SageMaker before a container: its handler, whose `mode` can be set, and its address."""
    with started(kind, model, scratch) as running:

        def call(body: bytes, headers: dict[str, str]) -> tuple[int, bytes]:
            try:
                answer = running.client.post("/invocations", content=body, headers=headers)
            except httpx2.TransportError as error:
                raise ConnectionError(str(error)) from error
            return answer.status_code, answer.content

        server = front.make_front(call)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield server.RequestHandlerClass, f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        server.server_close()
        thread.join()
