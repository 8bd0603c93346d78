"""What the AWS profile weighs, what its cold start costs, and how long a warm request takes; all offline, in one run.

    make aws-env && .venv/bin/python benchmarks/aws.py > benchmarks/aws.md

Needs root for namespaces. Times are worth little by themselves: compare within one run. Lambda's emulator has neither
Lambda's processor nor its network, so these are no forecasts for an account.
"""

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # as the function and the containers have it
import itertools
import json
import platform
import resource
import statistics
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from aws.archives import Built
from aws.build import LIMIT_UNPACKED, MB, Arch, build_function, build_model, bundle_store
from benchmarks.common import lone, table
from marquee.api.contracts import RecommendationRequest
from marquee.bundle import load, publish
from marquee.pipeline import Pipeline
from tests.aws.runtimes.containers import ENVS, started_behind_front
from tests.aws.runtimes.emulator import Lambda
from tests.conftest import _make_contents
from tests.waiting import until

N_MOVIES, DIMENSIONS = 27_000, 64
STARTS, WARM_UP, REQUESTS = 9, 50, 300
ARCH: Arch = "arm64" if platform.machine() == "aarch64" else "x86_64"
ENDPOINT = {"MARQUEE_PROFILE": "aws", "MARQUEE_SAGEMAKER_ENDPOINT": "marquee"}


def build(folder: Path) -> list[tuple[str, Built]]:
    """Build all archives; unpack this machine's to opt-ml, task and opt in the folder."""
    publish(folder / "store", _make_contents(n_movies=N_MOVIES, dimensions=DIMENSIONS, seed=1), force=True)
    files = bundle_store(folder / "store")[1]
    model = build_model(files, folder / "model.tar.gz", python=f"3.{sys.version_info.minor}")
    made = {arch: build_function(files, folder / arch, arch) for arch in ("arm64", "x86_64")}
    with tarfile.open(model.path) as archive:
        archive.extractall(folder / "opt-ml", filter="data")
    for what, built in made[ARCH].items():
        with zipfile.ZipFile(built.path) as archive:
            archive.extractall(folder / ("task" if what == "function" else "opt"))  # noqa: S202 - ours, just built
    return [
        ("function.zip", made[ARCH]["function"]),
        ("layer of the bundle", made[ARCH]["bundle"]),
        *((f"layer of packages, {arch}", one["packages"]) for arch, one in made.items()),
        ("model.tar.gz", model),
        ("model.tar.gz without code/", build_model(files, folder / "alone.tar.gz")),
    ]


def packages(rows: list[tuple[str, Built]]) -> None:
    print("\n## Packages\n")
    sizes = ((name, f"{one.packed / MB:.1f}", f"{one.unpacked / MB:.1f}") for name, one in rows)
    table(("archive", "MB", "MB unpacked"), sizes)
    used = sum(one.unpacked for name, one in rows if name.startswith("function") or name.endswith(("bundle", ARCH)))
    print(f"\nFunction and layers on {ARCH}: {used / MB:.0f} MB of our limit of {LIMIT_UNPACKED // MB} (AWS's is 250).")


def cpu_milliseconds(python: Path, code: str, environment: dict[str, str]) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([python, "-c", code], env=environment, check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) * 1e3


def cold_starts(folder: Path) -> None:
    task, opt = folder / "task", folder / "opt"
    python = ENVS / "lambda/bin/python"
    environment = {
        "PYTHONPATH": f"{task}:{opt / 'python'}",
        "PYTHONDONTWRITEBYTECODE": "1",  # /var/task and /opt are read-only
        "MARQUEE_ARTIFACTS_DIR": str(opt / "marquee"),
        "AWS_REGION": "eu-central-1",
        "OPENBLAS_NUM_THREADS": "1",
    }
    bytecode = {"PYTHONPYCACHEPREFIX": str(folder / "bytecode"), "PYTHONDONTWRITEBYTECODE": ""}
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
        "**the handler**": ("import lambda_function", ENDPOINT),
        "the handler, were bytecode shipped": ("import lambda_function", {**ENDPOINT, **bytecode}),
    }
    times: dict[str, list[float]] = {name: [] for name in what}
    for _ in range(STARTS):  # in turns, so that a busy moment hits all alike
        for name, (code, more) in what.items():
            times[name].append(cpu_milliseconds(python, code, {**environment, **more}))
    least = {name: min(values) for name, values in times.items()}  # other processes only ever add to it
    bare, handler = least["bare Python"], least["**the handler**"]
    print(f"\n## Cold start\n\nProcessor time of INIT, the least of {STARTS} starts; rows share imports.\n")
    shares = {name: f"{(took - bare) / (handler - bare):.0%}" for name, took in least.items()}
    rows = ((name, f"{took:.0f}", f"{took - bare:.0f}", shares[name]) for name, took in least.items())
    table(("what is imported", "CPU ms", "above bare Python", "share of the handler's"), rows)


def measure(call: Callable[[dict[str, Any]], object]) -> tuple[float, float]:
    """Median and 99th percentile of requests with different seeds, in ms."""
    requests = (
        {"movie_ids": [1 + 3 * ((index * 7919 + step * 104_729) % N_MOVIES) for step in range(5)], "top_n": 10}
        for index in itertools.count()
    )
    return lone(lambda: call(next(requests)), WARM_UP, REQUESTS)


def measure_function(folder: Path, scratch: Path, **given: str) -> tuple[float, float, str]:
    """The same of the function, and the endpoint's median by the function's own metric."""
    function = Lambda((folder / "task", folder / "opt"), scratch, given)

    def call(request: dict[str, Any]) -> None:
        http = {"method": "POST", "path": "/v1/recommendations"}
        event = {
            "rawPath": http["path"],
            "headers": {"content-type": "application/json"},
            "requestContext": {"stage": "$default", "http": http},
            "body": json.dumps(request),
        }
        answer = function.invoke(event)
        assert json.loads(answer["body"])["served_by"] == "two_tower", answer

    try:
        until(function.answers)
        p50, p99 = measure(call)
        asked = [blob["EndpointMs"][0] for blob in function.metrics() if "EndpointMs" in blob]
        return p50, p99, f"{statistics.median(asked):.1f}" if asked else ""
    finally:
        function.kill()


def warm(folder: Path) -> None:
    pipeline = Pipeline(load(folder / "store"))
    in_process = measure(lambda request: pipeline.recommend(RecommendationRequest(**request)))
    rows = [("the pipeline in process, no Lambda", *in_process, "")]
    scratch = Path(tempfile.mkdtemp(dir=folder))
    rows.append(("the function, retrieving in process", *measure_function(folder, scratch)))
    for kind, name in (("ours", "our container"), ("toolkit", "AWS's PyTorch toolkit")):
        scratch = Path(tempfile.mkdtemp(dir=folder))
        with started_behind_front(kind, folder / "opt-ml", scratch) as (_, address):
            given = {**ENDPOINT, "AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME": address}
            rows.append((f"the function, asking {name}", *measure_function(folder, scratch, **given)))
    print(f"\n## Warm requests\n\n{REQUESTS} lone requests after {WARM_UP}; 5 seeds, 10 films. The function's rows")
    print("hold the emulator's own share; the last column is the function's metric EndpointMs, boto3 included.\n")
    cells = ((name, f"{p50:.1f}", f"{p50 / in_process[0]:.1f}", f"{p99:.1f}", asked) for name, p50, p99, asked in rows)
    table(("what answers", "median ms", "ratio", "p99 ms", "EndpointMs, median"), cells)


def main() -> None:
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        rows = build(folder)
        print("# The AWS profile, offline\n")
        print(f"`.venv/bin/python benchmarks/aws.py` on {os.cpu_count()} processors, {ARCH}; {N_MOVIES:,} films and")
        print(f"{DIMENSIONS} dimensions; Lambda's Python 3.13 under its emulator. No forecasts for an account.")
        packages(rows)
        cold_starts(folder)
        warm(folder)


if __name__ == "__main__":
    main()
