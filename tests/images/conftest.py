"""Images that `make images` built, run as a hardened cluster would run them."""

import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
SAMPLE = ROOT / "artifacts" / "sample"
TAG = os.environ.get("IMAGE_TAG", "dev")
NAMES = ("reranker", "retrieval", "retrieval-kserve", "training", "sagemaker")
IMAGES = {name: f"marquee-{name}:{TAG}" for name in NAMES}
# Docker mounts this /tmp noexec, which Kubernetes doesn't: the stricter of the two.
HARDENED = (
    "--read-only --user 10001 --cap-drop ALL --security-opt no-new-privileges --tmpfs /tmp --memory 2g --pids-limit 256"
).split()


def docker(*arguments: object, seconds: float = 60, check: bool = True) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        ["docker", *map(str, arguments)], check=False, capture_output=True, text=True, timeout=seconds
    )
    assert not check or done.returncode == 0, f"docker {arguments[0]}: {done.stdout[-3000:]}{done.stderr[-3000:]}"
    return done


def until(condition: Callable[[], Any], seconds: float) -> Any:
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, "the condition never came true"
        time.sleep(0.1)
    return value


def inspect(image: str) -> dict[str, Any]:
    return json.loads(docker("image", "inspect", IMAGES[image]).stdout)[0]


def inside(image: str, script: str, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run a shell's script in a hardened container."""
    return docker("run", "--rm", *HARDENED, "--network=none", "--entrypoint=sh", IMAGES[image], "-c", script, **options)


class Container:
    """A server in a container, healthy when constructed."""

    def __init__(self, image: str, store: str, **settings: object) -> None:
        options = [f"--env=MARQUEE_{name.upper()}={value}" for name, value in settings.items()]
        ports = ["--publish=127.0.0.1::8080", "--publish=127.0.0.1::9090"]
        mount, health = f"--volume={store}:/artifacts:ro", "--health-interval=2s"
        command = ["run", "--detach", *HARDENED, *ports, mount, health, *options, IMAGES[image]]
        self.id = docker(*command).stdout.strip()

    def wait(self) -> "Container":
        until(self._healthy, 120)
        self.url, self.metrics_url = (self._published(port) for port in (8080, 9090))
        return self

    def state(self) -> dict[str, Any]:
        return json.loads(docker("inspect", "--format={{json .State}}", self.id).stdout)

    def address(self) -> str:
        """Among containers."""
        return docker("inspect", "--format={{.NetworkSettings.IPAddress}}", self.id).stdout.strip()

    def logs(self) -> str:
        done = docker("logs", "--tail=40", self.id)
        return done.stdout + done.stderr

    def remove(self) -> None:
        docker("rm", "--force", "--volumes", self.id, check=False)  # it may be gone already

    def _healthy(self) -> bool:
        state = self.state()
        assert state["Running"], self.logs()
        return state["Health"]["Status"] == "healthy"

    def _published(self, port: int) -> str:
        return "http://" + docker("port", self.id, port).stdout.splitlines()[0]


Start = Callable[..., Container]


@pytest.fixture(scope="session", autouse=True)
def images() -> None:
    """Skips where there is no Docker, or where images haven't been built."""
    if shutil.which("docker") is None or docker("info", check=False).returncode:
        pytest.skip("no Docker engine answers")
    for name in IMAGES.values():
        if docker("image", "inspect", name, check=False).returncode:
            pytest.skip(f"there is no image {name}: `make images` builds it (IMAGE_TAG={TAG})")


@pytest.fixture(scope="session")
def start(images: None) -> Iterator[Start]:
    """`start(image, store="the sample", **settings) -> Container`; what it starts lives as long as the tests."""
    with ExitStack() as stack:

        def run(image: str, store: object = SAMPLE, **settings: object) -> Container:
            container = Container(image, str(store), **settings)
            stack.callback(container.remove)
            return container.wait()

        yield run


@pytest.fixture(scope="session")
def reranker(start: Start) -> Container:
    return start("reranker")


@pytest.fixture(scope="session", params=["retrieval", "retrieval-kserve"])
def retrieval(request: pytest.FixtureRequest, start: Start) -> Container:
    """A retrieval server, of each kind."""
    return start(request.param)
