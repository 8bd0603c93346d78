"""A kind cluster with the release on it, made by the same scripts as `make kind-up kind-load install`.

The files run in the order of their numbers: first on a cluster without KServe, then with it. CLUSTER names the cluster;
with KEEP_CLUSTER=1 one that is there is used, and left.
"""

import json
import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import httpx2
import pytest
from kubernetes import client, config

from marquee_training.data.synthetic import synthesize, write_movielens
from tests import waiting
from tests.waiting import free_port

ROOT = Path(__file__).parents[2]
CLUSTER = os.environ.get("CLUSTER", "marquee-test")
TAG = os.environ.get("TAG", "dev")
KEEP = os.environ.get("KEEP_CLUSTER") == "1"
CONTEXT = f"kind-{CLUSTER}"
SAMPLE = {"tmdb_ids": [1585, 4935, 597], "top_n": 5}
until = partial(waiting.until, every=0.5)  # asking costs the cluster processor time


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """In the order of the files, whatever pytest-randomly made of it: each leaves what the next one needs."""
    items.sort(key=lambda item: (item.path, item.function.__code__.co_firstlineno))  # type: ignore[attr-defined]


def run(*command: object, seconds: float = 300, check: bool = True, **variables: str) -> str:
    """A command's output; its end of it where it fails."""
    done = subprocess.run(  # noqa: PLW1510 - checked below, with its output
        [str(part) for part in command],
        cwd=ROOT,
        env={**os.environ, "CLUSTER": CLUSTER, "TAG": TAG, **variables},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=seconds,
    )
    assert not check or done.returncode == 0, f"{command}:\n{done.stdout[-4000:]}"
    return done.stdout


@dataclass
class Release:
    """The release in a namespace."""

    namespace: str
    data: str
    name: str = "marquee"

    def kubectl(self, *arguments: object, seconds: float = 120, check: bool = True) -> str:
        return run("kubectl", "--context", CONTEXT, "-n", self.namespace, *arguments, seconds=seconds, check=check)

    def helm(self, *arguments: object, seconds: float = 300) -> str:
        return run("helm", "--kube-context", CONTEXT, "-n", self.namespace, *arguments, seconds=seconds)

    def install(self, *arguments: object, seconds: float = 600) -> str:
        """`make install` with more options of helm."""
        variables = {"NAMESPACE": self.namespace, "MARQUEE_DATA_DIR": self.data, "TIMEOUT_SECONDS": f"{seconds:.0f}"}
        quick = ("--set", "training.config=quick")
        return run("k8s/install", *quick, *arguments, seconds=seconds + 60, **variables)

    def pods(self, component: str) -> list[Any]:
        """Pods that aren't on their way out."""
        selector = f"app.kubernetes.io/instance={self.name},app.kubernetes.io/component={component}"
        found = client.CoreV1Api().list_namespaced_pod(self.namespace, label_selector=selector).items
        return [pod for pod in found if pod.metadata.deletion_timestamp is None]

    def ready_pods(self, component: str) -> list[Any]:
        return [
            pod
            for pod in self.pods(component)
            if any(one.type == "Ready" and one.status == "True" for one in pod.status.conditions or [])
        ]

    def logs(self, component: str, *arguments: object) -> str:
        selector = f"app.kubernetes.io/instance={self.name},app.kubernetes.io/component={component}"
        return self.kubectl("logs", "-l", selector, "--tail", 500, *arguments)

    @contextmanager
    def forward(self, target: str, port: int, path: str = "/") -> Iterator[str]:
        """`kubectl port-forward` -> its address here; `path` is what shows that it works."""
        here = free_port()
        command = ["kubectl", "--context", CONTEXT, "-n", self.namespace, "port-forward", target, f"{here}:{port}"]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            url = f"http://127.0.0.1:{here}"
            try:
                until(lambda: answers(url + path), 30, f"port-forward to {target}")
                yield url
            finally:
                process.kill()

    def ask(self, body: dict[str, Any] = SAMPLE) -> dict[str, Any]:
        """A recommendation through the Service."""
        with self.forward("service/marquee-reranker", 80) as url:
            answer = httpx2.post(f"{url}/v1/recommendations", json=body, timeout=10)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def job_from(self, cronjob: str, name: str, seconds: float = 300) -> str:
        """Run a CronJob's template now and return its log; it has to succeed."""
        self.kubectl("create", "job", f"--from=cronjob/{cronjob}", name)
        return self.wait_for_job(name, seconds)

    def job_like(self, cronjob: str, name: str, command: list[str]) -> None:
        """Run a CronJob's pod with another command."""
        found = client.BatchV1Api().read_namespaced_cron_job(cronjob, self.namespace)
        # As `kubectl create job --from` has it: what the CronJob began ends with it.
        owner = client.V1OwnerReference(
            api_version="batch/v1", kind="CronJob", name=cronjob, uid=found.metadata.uid, controller=True
        )
        spec = found.spec.job_template.spec
        container = spec.template.spec.containers[0]
        container.command, container.args = command, []
        job = client.V1Job(metadata=client.V1ObjectMeta(name=name, owner_references=[owner]), spec=spec)
        client.BatchV1Api().create_namespaced_job(self.namespace, job)

    def wait_for_job(self, name: str, seconds: float = 300) -> str:
        def ended() -> str:
            status = client.BatchV1Api().read_namespaced_job_status(name, self.namespace).status
            found = [one.type for one in status.conditions or [] if one.status == "True"]
            return next((kind for kind in ("Complete", "Failed") if kind in found), "")

        outcome = until(ended, seconds, f"the end of job {name}")
        log = self.kubectl("logs", f"job/{name}", "--tail", 100, check=False)
        assert outcome == "Complete", log
        return log


def answers(url: str) -> bool:
    try:
        return httpx2.get(url, timeout=2).status_code < 500
    except httpx2.TransportError:
        return False


class Load:
    """Requests at a steady rate from inside the cluster, while the test does something; see k8s/load.py."""

    def __init__(self, release: Release, rate: int, seconds: int) -> None:
        self._thread = threading.Thread(target=self._run, args=[release, rate, seconds])
        self.output = ""

    def __enter__(self) -> "Load":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.join()

    def _run(self, release: Release, rate: int, seconds: int) -> None:
        self.output = run("k8s/load", rate, seconds, seconds=seconds + 120, check=False, NAMESPACE=release.namespace)

    @property
    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.output.splitlines() if line.startswith("{")]

    def summary(self, at_least: int = 0) -> dict[str, Any]:
        """The generator's summary; no request may have failed."""
        (found,) = [line["summary"] for line in self.lines if "summary" in line] or [None]
        assert found, self.output[-2000:]
        assert found["failed"] == 0, json.dumps(found)
        assert found["requests"] >= at_least, found
        print("load:", json.dumps(found))
        return dict(found)


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> str:
    """MovieLens, or invented ratings where there is none: a folder that every user can read."""
    if given := os.environ.get("MARQUEE_DATA_DIR"):
        return str(Path(given).resolve())
    folder = tmp_path_factory.mktemp("movielens")
    write_movielens(synthesize(n_users=300, n_movies=400, n_ratings=12_000, seed=1), folder)
    for path in (folder, *folder.parents[:2]):
        path.chmod(0o755)
    return str(folder)


@pytest.fixture(scope="session")
def cluster(data: str) -> Iterator[str]:
    """A cluster with the images, without KServe until a test adds it."""
    for program in ("kind", "kubectl", "helm", "docker"):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed")
    run("k8s/kind-up", seconds=600, KSERVE_MANIFEST="no", MARQUEE_DATA_DIR=data)
    try:
        run("k8s/kind-load", seconds=900)
        config.load_kube_config(context=CONTEXT)
        yield CLUSTER
    finally:
        if not KEEP:
            run("k8s/kind-down")


@pytest.fixture(scope="session")
def plain(cluster: str, data: str) -> Release:
    """On the cluster without KServe."""
    return Release("plain", data)


@pytest.fixture(scope="session")
def release(cluster: str, data: str) -> Release:
    """On the cluster with KServe."""
    return Release("marquee", data)


@pytest.fixture(scope="session")
def memory() -> dict[str, Any]:
    """What one test leaves for a later one to compare with."""
    return {}
