"""Renders the chart as helm does, for values that matter, and gives tests the objects."""

import copy
import functools
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.programs import skip_without

ROOT = Path(__file__).parents[2]
CHART = ROOT / "charts" / "marquee"
KSERVE = "serving.kserve.io/v1beta1"
TRAINER = "trainer.kubeflow.org/v1alpha1"
OPERATOR = "monitoring.coreos.com/v1"
GATEWAY = "gateway.networking.k8s.io/v1"


class Strict(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc] # the one in C is ten times as fast
    """Refuses a key that is in a mapping twice, as Flux and `kubectl --validate=strict` do."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value if key.value != "<<"]
        assert len(keys) == len(set(keys)), f"a key twice, {node.start_mark}: {keys}"
        return super().construct_mapping(node, deep)  # type: ignore[no-any-return]


# name -> helm's options. Every rule is held against every one of them.
CASES: dict[str, tuple[str, ...]] = {
    "defaults": (),
    "defaults with KServe": ("-a", KSERVE),
    "Kubernetes 1.29": ("--kube-version", "1.29.0"),
    "kserve server": ("-a", KSERVE, "--set", "retrieval.server=kserve,retrieval.protocol=v1"),
    "kserve fixed size": (
        *("-a", KSERVE, "--set", "retrieval.mode=kserve,retrieval.autoscaling.enabled=false,retrieval.replicas=3"),
    ),
    "deployment though KServe": ("-a", KSERVE, "--set", "retrieval.mode=deployment,retrieval.server=kserve"),
    "fixed size": (
        *("--set", "retrieval.autoscaling.enabled=false,reranker.autoscaling.enabled=false"),
        *("--set", "retrieval.replicas=2,reranker.replicas=2"),
    ),
    "several nodes": (
        *("--set", "artifacts.accessMode=ReadWriteMany,artifacts.singleNode=false"),
        *("--set", "retrieval.autoscaling.minReplicas=2,reranker.autoscaling.minReplicas=2"),
    ),
    "several nodes with KServe": (
        *("-a", KSERVE, "--set", "artifacts.existingClaim=shared,artifacts.singleNode=false"),
        *("--set", "retrieval.autoscaling.minReplicas=2"),
    ),
    "bucket": ("--set", "artifacts.store=object,artifacts.url=s3://films/models,artifacts.existingSecret=keys"),
    "bucket with KServe": (
        *("-a", KSERVE, "--set", "artifacts.store=object,artifacts.url=gs://films/models,retrieval.server=kserve"),
        *("--set", "retrieval.autoscaling.minReplicas=2,reranker.autoscaling.minReplicas=2"),
    ),
    "bucket and torchrun": (
        *("--set", "artifacts.store=object,artifacts.url=az://films/models,training.backend=torchrun,training.nodes=2"),
    ),
    "gateway and trainjob": (
        *("-a", TRAINER, "--set", "artifacts.store=object,artifacts.gateway.enabled=true,training.backend=trainjob"),
    ),
    "canary": ("--set", "retrieval.canary.enabled=true,retrieval.canary.image.tag=v2"),
    "bucket and canary with KServe": (
        *("-a", KSERVE, "--set", "artifacts.store=object,artifacts.gateway.enabled=true"),
        *("--set", "retrieval.canary.enabled=true,retrieval.canary.model=staging"),
    ),
    "no wait": ("-a", KSERVE, "--set", "artifacts.waitForModel=false"),
    "data from a claim": ("--set", "training.data.existingClaim=movielens,training.data.subPath=ml-25m"),
    "data from a URL": ("--set", "training.data.url=https://example.com/ml.zip,training.schedule=0 3 * * 0"),
    "data from a secret": ("--set", "training.data.existingSecret=address,training.configToml=epochs = 3"),
    "torchrun": ("--set", "training.backend=torchrun,training.nodes=3"),
    "trainjob": ("-a", TRAINER, "--set", "training.backend=trainjob,training.data.existingClaim=movielens"),
    "everything": (
        *("-a", KSERVE, "-a", OPERATOR, "-a", GATEWAY, "-f", str(ROOT / "tests" / "chart" / "everything.yaml")),
    ),
    "long names": (
        "-a",
        KSERVE,
        "--set",
        f"fullnameOverride={'n' * 60},image.tag=2026.11.24-nightly-build-of-everything",
    ),
    **{
        f"values/{path.name}": ("-a", KSERVE, "-a", OPERATOR, "-f", str(path))
        for path in sorted((ROOT / "k8s" / "values").glob("*.yaml"))
    },
}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "objects" in metafunc.fixturenames:
        metafunc.parametrize("objects", CASES, indirect=True)


@functools.cache
def _template(
    options: tuple[str, ...], release: str = "films", namespace: str = "cinema", chart: str = str(CHART)
) -> subprocess.CompletedProcess[str]:
    if shutil.which("helm") is None:
        skip_without("helm")
    command = ["helm", "template", release, chart, "--namespace", namespace, *options]
    # A run is too short for Go's garbage collector to be worth its time.
    environment = {**os.environ, "GOGC": "off"}
    return subprocess.run(command, check=False, capture_output=True, text=True, env=environment)


@functools.cache
def _objects(options: tuple[str, ...], **names: str) -> list[dict[str, Any]]:
    done = _template(options, **names)
    assert done.returncode == 0, done.stderr
    return [one for one in yaml.load_all(done.stdout, Strict) if one]


@pytest.fixture
def render() -> Callable[..., list[dict[str, Any]]]:
    """render(*helm options, release=, namespace=) -> the objects."""

    def run(*options: str, **names: str) -> list[dict[str, Any]]:
        return copy.deepcopy(_objects(options, **names))

    return run


@pytest.fixture
def refusal() -> Callable[..., str]:
    """refusal(*helm options) -> what helm says when it refuses."""

    def run(*options: str) -> str:
        done = _template(options)
        assert done.returncode != 0, "helm accepted it"
        return done.stderr

    return run


@pytest.fixture
def objects(request: pytest.FixtureRequest) -> list[dict[str, Any]]:
    """The objects of one case after the other, to be read only: hundreds of tests share them."""
    return _objects(CASES[request.param])


@pytest.fixture
def find() -> Callable[..., dict[str, Any]]:
    """find(objects, kind, end of the name) -> the one object."""

    def run(objects: list[dict[str, Any]], kind: str, end: str = "") -> dict[str, Any]:
        found = [one for one in objects if one["kind"] == kind and one["metadata"]["name"].endswith(end)]
        assert len(found) == 1, [(one["kind"], one["metadata"]["name"]) for one in objects]
        return found[0]

    return run


def _templates(objects: list[dict[str, Any]]) -> Iterator[tuple[str, dict[str, Any], dict[str, Any]]]:
    for one in objects:
        name, spec = f"{one['kind']} {one['metadata']['name']}", one.get("spec", {})
        if one["kind"] == "Pod":
            yield name, one["metadata"], spec
        elif one["kind"] in {"Deployment", "Job"}:
            yield name, spec["template"]["metadata"], spec["template"]["spec"]
        elif one["kind"] == "CronJob":
            template = spec["jobTemplate"]["spec"]["template"]
            yield name, template["metadata"], template["spec"]
        elif one["kind"] == "InferenceService":
            # As KServe puts it together: container and volumes are the runtime's; its webhook adds the store; a canary
            # is the predictor with what it changes.
            runtime = next(other["spec"] for other in objects if other["kind"] == "ServingRuntime")
            predictor = spec["predictor"]
            for changes in [{}, *(canary["predictor"] for canary in spec.get("canary", []))]:
                labels = {**predictor["labels"], **changes.get("labels", {})}
                left = {"name", "model", "labels", "annotations"}
                pod = {key: value for key, value in {**predictor, **changes}.items() if key not in left}
                pod["volumes"] = [*pod.get("volumes", []), *runtime["volumes"]]
                container = copy.deepcopy(runtime["containers"][0])
                model = changes.get("model", {})
                container["image"] = model.get("image", container["image"])
                env = {one["name"]: one for one in [*container["env"], *model.get("env", [])]}
                container["env"] = list(env.values())
                yield (
                    name + "-" * bool(changes) + changes.get("name", ""),
                    {"labels": labels},
                    {**pod, "containers": [container]},
                )


@pytest.fixture
def pods() -> Callable[..., list[tuple[str, dict[str, Any], dict[str, Any]]]]:
    """pods(objects) -> (whose, metadata, spec) of every pod that the objects make."""
    return lambda objects: list(_templates(objects))
