"""What the AWS profile weighs, what its cold start costs, and how long a warm request takes; all offline, in one run.

    make aws-env && .venv/bin/python benchmarks/aws.py > benchmarks/aws.md

Needs root for namespaces. Times are worth little by themselves: compare within one run. Lambda's emulator has neither
Lambda's processor nor its network, so these are no forecasts for an account.
"""

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # as the function and the containers have it
import json
import platform
import resource
import statistics
import subprocess
import sys
import tarfile
import tempfile
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from aws.archives import Built
from aws.build import LIMIT_UNPACKED, MB, Arch, build_function, build_model, bundle_store
from marquee.api.contracts import RecommendationRequest
from marquee.bundle import load, publish
from marquee.pipeline import Pipeline
from tests.aws.runtimes import front
from tests.aws.runtimes.containers import ENVS, started, until
from tests.aws.runtimes.emulator import Lambda
from tests.conftest import _make_contents

N_MOVIES, DIMENSIONS = 27_000, 64
STARTS, WARM_UP, REQUESTS = 9, 50, 300
ARCH: Arch = "arm64" if platform.machine() == "aarch64" else "x86_64"
ENDPOINT = "marquee"


def build(folder: Path) -> tuple[list[tuple[str, Built]], Path, tuple[Path, Path]]:
    """Everything for both processors: (what is built, model folder, (/var/task, /opt) for this machine)."""
    store = folder / "store"
    publish(store, _make_contents(n_movies=N_MOVIES, dimensions=DIMENSIONS, seed=1), force=True)
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    files = bundle_store(store)[1]
    model = build_model(files, folder / "model.tar.gz", python=version)
    alone = build_model(files, folder / "alone.tar.gz")
    architectures: tuple[Arch, ...] = ("arm64", "x86_64")
    made = {arch: build_function(files, folder / arch, arch) for arch in architectures}
    here = made[ARCH]
    with tarfile.open(model.path) as archive:
        archive.extractall(folder / "opt-ml", filter="data")
    for what, built in here.items():
        with zipfile.ZipFile(built.path) as archive:
            archive.extractall(folder / ("task" if what == "function" else "opt"))  # noqa: S202 - ours, just built
    rows = [("function.zip", here["function"]), ("layer of the bundle", here["bundle"])]
    rows += [(f"layer of packages, {arch}", one["packages"]) for arch, one in made.items()]
    rows += [("model.tar.gz", model), ("model.tar.gz without code/", alone)]
    return rows, folder / "opt-ml", (folder / "task", folder / "opt")


def sizes(rows: list[tuple[str, Built]]) -> None:
    print("\n## Packages\n\n| archive | MB | MB unpacked |\n| --- | ---: | ---: |")
    for name, one in rows:
        print(f"| {name} | {one.packed / MB:.1f} | {one.unpacked / MB:.1f} |")
    used = sum(one.unpacked for name, one in rows if name.startswith("function") or name.endswith(("bundle", ARCH)))
    print(f"\nFunction and layers on {ARCH}: {used / MB:.0f} MB of our limit of {LIMIT_UNPACKED // MB} (AWS's is 250).")


def cpu_milliseconds(python: Path, code: str, environment: dict[str, str]) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([python, "-c", code], env=environment, check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) * 1e3


def cold_starts(folders: tuple[Path, Path]) -> None:
    task, opt = folders
    python = ENVS / "lambda/bin/python"
    environment = {
        "PYTHONPATH": f"{task}:{opt / 'python'}",
        "PYTHONDONTWRITEBYTECODE": "1",  # /var/task and /opt are read-only
        "MARQUEE_ARTIFACTS_DIR": str(opt / "marquee"),
        "AWS_REGION": "eu-central-1",
        "OPENBLAS_NUM_THREADS": "1",
    }
    endpoint = {"MARQUEE_PROFILE": "aws", "MARQUEE_SAGEMAKER_ENDPOINT": ENDPOINT}
    bytecode = {"PYTHONPYCACHEPREFIX": str(task.parent / "bytecode"), "PYTHONDONTWRITEBYTECODE": ""}
    what: dict[str, tuple[str, dict[str, str]]] = {
        "bare Python": ("pass", {}),
        "numpy": ("import numpy", {}),
        "pydantic and settings": ("import marquee.settings", {}),
        "powertools' Logger and Metrics": (
            "import aws_lambda_powertools as p; p.Logger(); p.Metrics(namespace='x')",
            {},
        ),
        "boto3 and a client": ("import boto3; boto3.client('sagemaker-runtime', region_name='eu-central-1')", {}),
        "the handler without an endpoint": ("import lambda_function", {}),
        "**the handler**": ("import lambda_function", endpoint),
        "the handler, were bytecode shipped": ("import lambda_function", {**endpoint, **bytecode}),
    }
    times: dict[str, list[float]] = {name: [] for name in what}
    for _ in range(STARTS):  # in turns, so that a busy moment hits all alike
        for name, (code, more) in what.items():
            times[name].append(cpu_milliseconds(python, code, {**environment, **more}))
    least = {name: min(values) for name, values in times.items()}  # other processes only ever add to it
    bare, handler = least["bare Python"], least["**the handler**"]
    print(f"\n## Cold start\n\nProcessor time of INIT, the least of {STARTS} starts; rows share imports.\n")
    print("| what is imported | CPU ms | above bare Python | share of the handler's |\n| --- | ---: | ---: | ---: |")
    for name, took in least.items():
        above = took - bare
        print(f"| {name} | {took:.0f} | {above:.0f} | {above / (handler - bare):.0%} |")


def events() -> Iterator[dict[str, Any]]:
    index = 0
    while True:
        seeds = [1 + 3 * ((index * 7919 + step * 104_729) % N_MOVIES) for step in range(5)]
        body = json.dumps({"movie_ids": seeds, "top_n": 10})
        http = {"method": "POST", "path": "/v1/recommendations"}
        headers = {"content-type": "application/json"}
        yield {
            "rawPath": http["path"],
            "headers": headers,
            "requestContext": {"stage": "$default", "http": http},
            "body": body,
        }
        index += 1


def milliseconds(call: Callable[[dict[str, Any]], object]) -> list[float]:
    source, times = events(), []
    for index in range(WARM_UP + REQUESTS):
        event = next(source)
        begun = time.perf_counter()
        call(event)
        if index >= WARM_UP:
            times.append((time.perf_counter() - begun) * 1e3)
    return times


def invoke(function: Lambda) -> Callable[[dict[str, Any]], object]:
    def call(event: dict[str, Any]) -> None:
        answer = function.invoke(event)
        assert json.loads(answer["body"])["served_by"] == "two_tower", answer

    return call


@contextmanager
def endpoint(kind: str, model: Path, scratch: Path) -> Iterator[str]:
    with started(kind, model, scratch) as running:

        def container(body: bytes, headers: dict[str, str]) -> tuple[int, bytes]:
            answer = running.client.post("/invocations", content=body, headers=headers)
            return answer.status_code, answer.content

        server = front.make_front(container)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        server.server_close()
        thread.join()


def function_ms(folders: tuple[Path, Path], scratch: Path, **given: str) -> tuple[list[float], float | None]:
    """(milliseconds per request, the endpoint's median by the function's own metric)"""
    function = Lambda(folders, scratch, given)
    try:
        until(function.answers)
        times = milliseconds(invoke(function))
        asked = [blob["EndpointMs"][0] for blob in function.metrics() if "EndpointMs" in blob]
        return times, statistics.median(asked) if asked else None
    finally:
        function.kill()


def warm(folder: Path, model: Path, folders: tuple[Path, Path]) -> None:
    pipeline = Pipeline(load(folder / "store"))
    rows: list[tuple[str, list[float], float | None]] = []

    def in_process(event: dict[str, Any]) -> None:
        pipeline.recommend(RecommendationRequest(**json.loads(event["body"])))

    rows.append(("the pipeline in process, no Lambda", milliseconds(in_process), None))
    with ExitStack() as stack:

        def scratch() -> Path:
            return Path(stack.enter_context(tempfile.TemporaryDirectory()))

        rows.append(("the function, retrieving in process", *function_ms(folders, scratch())))
        for kind, name in (("ours", "our container"), ("toolkit", "AWS's PyTorch toolkit")):
            with endpoint(kind, model, scratch()) as address:
                given = {"MARQUEE_PROFILE": "aws", "MARQUEE_SAGEMAKER_ENDPOINT": ENDPOINT}
                given["AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME"] = address
                rows.append((f"the function, asking {name}", *function_ms(folders, scratch(), **given)))
    base = statistics.median(rows[0][1])
    print(
        f"\n## Warm requests\n\n{REQUESTS} lone requests after {WARM_UP}; 5 seeds, 10 films. The function's rows hold"
    )
    print("the emulator's own share; the last column is the function's metric EndpointMs, boto3 included.\n")
    print("| what answers | median ms | ratio | p99 ms | EndpointMs, median |\n| --- | ---: | ---: | ---: | ---: |")
    for name, times, asked in rows:
        p50, p99 = statistics.median(times), statistics.quantiles(times, n=100)[98]
        print(f"| {name} | {p50:.1f} | {p50 / base:.1f} | {p99:.1f} | {'' if asked is None else f'{asked:.1f}'} |")


def main() -> None:
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        rows, model, folders = build(folder)
        print("# The AWS profile, offline\n")
        print(f"`.venv/bin/python benchmarks/aws.py` on {os.cpu_count()} processors, {ARCH}; {N_MOVIES:,} films and")
        print(f"{DIMENSIONS} dimensions; Lambda's Python 3.13 under its emulator. No forecasts for an account.")
        sizes(rows)
        cold_starts(folders)
        warm(folder, model, folders)


if __name__ == "__main__":
    main()
