"""What all pods, Services and objects have: labels, annotations, variables, resources, addresses."""

import re
import shutil

import pytest

from tests.chart.conftest import CHART, _template

APIS = ("-a", "serving.kserve.io/v1beta1", "-a", "trainer.kubeflow.org/v1alpha1")
# Every kind of pod: servers with and without KServe, all three backends, canary, gateway, fetching, tests, rollback.
SHAPES = {
    "deployment": "retrieval.mode=deployment,retrieval.canary.enabled=true,retrieval.canary.model=staging",
    "kserve": "retrieval.mode=kserve,training.data.url=https://example.com/ml.zip",
    "torchrun and gateway": "artifacts.store=object,artifacts.gateway.enabled=true,training.backend=torchrun",
    "trainjob": "training.backend=trainjob,training.data.existingClaim=a",
}


def templates(objects, pods):
    """(name, metadata, spec) of pods, those that Kubeflow makes too."""
    yield from pods(objects)
    for one in objects:
        if one["kind"] == "TrainJob":
            (patch,) = one["spec"]["runtimePatches"]
            (job,) = patch["trainingRuntimeSpec"]["template"]["spec"]["replicatedJobs"]
            template = job["template"]["spec"]["template"]
            trainer = {"name": "node", "env": one["spec"]["trainer"]["env"]}
            trainer["resources"] = one["spec"]["trainer"]["resourcesPerNode"]
            yield "TrainJob", template["metadata"], {**template["spec"], "containers": [trainer]}


@pytest.fixture
def shaped(render, tmp_path):
    """shaped(shape, values as YAML) -> the objects."""

    def run(shape, values):
        (tmp_path / "values.yaml").write_text(values)
        return render(*APIS, "--set", SHAPES[shape], "-f", str(tmp_path / "values.yaml"))

    return run


@pytest.mark.parametrize("shape", SHAPES)
def test_every_pod_takes_what_all_have(shaped, pods, shape):
    objects = shaped(
        shape,
        """
commonLabels: {team: films, app.kubernetes.io/name: other}
commonAnnotations: {owner: films}
pods:
  podLabels: {sidecar.istio.io/inject: "true", app.kubernetes.io/component: other}
  podAnnotations: {linkerd.io/inject: enabled}
  extraEnv: [{name: HTTPS_PROXY, value: "http://proxy:3128"}]
  nodeSelector: {kubernetes.io/arch: arm64}
  extraVolumes: [{name: ca, configMap: {name: ca}}]
  extraVolumeMounts: [{name: ca, mountPath: /ca}]
""",
    )
    found = list(templates(objects, pods))
    assert {metadata["labels"]["app.kubernetes.io/component"] for _, metadata, _ in found} >= {
        *("training", "retrieval", "reranker", "test", "rollback"),
        *["retrieval-canary"] * (shape == "deployment"),
        *["gateway"] * (shape == "torchrun and gateway"),
    }
    for name, metadata, spec in found:
        assert metadata["labels"]["team"] == "films", name
        assert metadata["labels"]["app.kubernetes.io/name"] == "marquee", name
        assert metadata["labels"]["sidecar.istio.io/inject"] == "true", name
        if not name.startswith("InferenceService"):  # KServe copies them; the fixture doesn't
            assert metadata["annotations"]["linkerd.io/inject"] == "enabled", name
        assert spec["nodeSelector"] == {"kubernetes.io/os": "linux", "kubernetes.io/arch": "arm64"}, name
        assert {"name": "HTTPS_PROXY", "value": "http://proxy:3128"} in spec["containers"][0]["env"], name
        assert any(volume["name"] == "ca" for volume in spec["volumes"]), name
    for one in objects:
        assert one["metadata"]["labels"]["team"] == "films", one["metadata"]["name"]
        assert one["metadata"]["annotations"]["owner"] == "films", one["metadata"]["name"]
        if one["kind"] == "CronJob":
            assert one["spec"]["jobTemplate"]["metadata"]["labels"]["team"] == "films"


@pytest.mark.parametrize("shape", SHAPES)
def test_every_container_takes_limits(shaped, pods, shape):
    """A ResourceQuota on limits.cpu refuses pods of which one container has none; Autopilot wants ephemeral storage."""
    resources = "resources: {limits: {cpu: '2', ephemeral-storage: 3Gi}}"
    sections = "\n".join(
        f"{name}: {{{resources}}}" for name in ("training", "rollback", "retrieval", "reranker", "tests")
    )
    waiting = f"artifacts: {{waitForModelResources: {resources.partition(' ')[2]}, gateway: {{{resources}}}}}"
    for name, _, spec in templates(shaped(shape, f"{sections}\n{waiting}"), pods):
        for container in [*spec.get("initContainers", []), *spec["containers"]]:
            assert container["resources"]["limits"].items() >= {"cpu": "2", "ephemeral-storage": "3Gi"}.items(), name
            assert "ephemeral-storage" in container["resources"]["requests"], name


def test_the_nearer_word_counts(shaped, pods):
    objects = shaped(
        "deployment",
        """
pods: {podLabels: {a: all}, extraEnv: [{name: TZ, value: UTC}, {name: A, value: all}], dnsPolicy: Default}
reranker:
  podLabels: {a: own}
  extraEnv: [{name: A, value: own}, {name: MARQUEE_RETRIEVAL_PROTOCOL, value: v1}]
  tolerations: [{key: films, operator: Exists}]
  dnsPolicy: None
""",
    )
    found = {metadata["labels"]["app.kubernetes.io/component"]: (metadata, spec) for _, metadata, spec in pods(objects)}
    metadata, spec = found["reranker"]
    assert metadata["labels"]["a"] == "own"
    env = {one["name"]: one.get("value") for one in spec["containers"][0]["env"]}
    assert (env["A"], env["TZ"], env["MARQUEE_RETRIEVAL_PROTOCOL"]) == ("own", "UTC", "v1")
    assert found["retrieval"][0]["labels"]["a"] == found["test"][0]["labels"]["a"] == "all"
    # Pods that only help are placed as the re-ranker is.
    for component in ("test", "rollback"):
        assert found[component][1]["tolerations"] == [{"key": "films", "operator": "Exists"}]
        assert found[component][1]["dnsPolicy"] == "None"


@pytest.mark.parametrize("shape", ["deployment", "torchrun and gateway"])
def test_addresses_of_two_families(shaped, pods, shape):
    objects = shaped(
        shape, 'services: {ipFamilyPolicy: PreferDualStack, ipFamilies: [IPv6, IPv4]}\nlistenAddress: "::"'
    )
    services = [one["spec"] for one in objects if one["kind"] == "Service"]
    assert services
    assert all((one["ipFamilyPolicy"], one["ipFamilies"]) == ("PreferDualStack", ["IPv6", "IPv4"]) for one in services)
    listening = [
        {"name": "MARQUEE_HOST", "value": "::"} in spec["containers"][0]["env"]
        for _, metadata, spec in pods(objects)
        if metadata["labels"]["app.kubernetes.io/component"] in {"retrieval", "retrieval-canary", "reranker"}
    ]
    assert listening
    assert all(listening)


def test_a_service_of_its_own_kind(render, find):
    own = "services.trafficDistribution=PreferClose,reranker.service.trafficDistribution=PreferSameNode"
    objects = render("--set", own)
    assert find(objects, "Service", "-reranker")["spec"]["trafficDistribution"] == "PreferSameNode"
    assert find(objects, "Service", "-predictor")["spec"]["trafficDistribution"] == "PreferClose"


def test_further_objects_are_templates(render, find, tmp_path):
    (tmp_path / "values.yaml").write_text("""
extraObjects:
  - {apiVersion: v1, kind: ConfigMap, metadata: {name: "{{ .Release.Name }}-map"}}
  - |
    apiVersion: v1
    kind: Secret
    metadata: {name: {{ include "marquee.fullname" . }}-text}
""")
    objects = render("-f", str(tmp_path / "values.yaml"))
    assert find(objects, "ConfigMap")["metadata"]["name"] == "films-map"
    assert find(objects, "Secret")["metadata"]["name"] == "films-marquee-text"


@pytest.mark.parametrize("shape", SHAPES)
def test_renderings_are_the_same_to_the_byte(shape):
    """Of a generated Secret, too."""
    options = (*APIS, "--set", SHAPES[shape])
    first, second = (_template.__wrapped__(options).stdout for _ in range(2))
    assert first == second
    assert "kind: Deployment" in first


def test_long_versions_of_builds_are_valid_labels(render, tmp_path):
    chart = shutil.copytree(CHART, tmp_path / "marquee")
    long = f"0.1.0-nightly.{'a' * 40}.b+build"  # cut at 63 characters, the chart's label would end with a dot
    path = chart / "Chart.yaml"
    path.write_text(re.sub(r"(?m)^(version|appVersion):.*", rf"\1: {long}", path.read_text()))
    labels = render(chart=str(chart))[0]["metadata"]["labels"]
    assert labels["helm.sh/chart"] == f"marquee-0.1.0-nightly.{'a' * 40}"
    assert labels["app.kubernetes.io/version"] == f"0.1.0-nightly.{'a' * 40}.b_build"
