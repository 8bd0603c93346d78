"""Pods come and go under load: of 3,000 requests each, none fails."""

import time

import pytest
from kubernetes import client

from tests.cluster.conftest import ROOT, Load, until

pytestmark = pytest.mark.load
RATE, SECONDS = 50, 62
N = 3000
# A budget guards what may run on several nodes; here, one node holds the claim and all pods.
SEVERAL_NODES = "artifacts.existingClaim=marquee-artifacts,artifacts.singleNode=false"
TWO = ("--set", f"reranker.autoscaling.minReplicas=2,{SEVERAL_NODES}")


@pytest.fixture(scope="module", autouse=True)
def two_rerankers(release):
    release.install(*TWO)
    until(lambda: len(release.ready_pods("reranker")) >= 2, 120, "two re-rankers")


def degraded_share(summary):
    return 1 - summary["outcomes"].get("two_tower", 0) / summary["requests"]


def test_rolling_update_of_the_reranker(release):
    before = {pod.metadata.uid for pod in release.pods("reranker")}
    with Load(release, RATE, SECONDS) as load:
        time.sleep(10)  # under way
        release.kubectl("rollout", "restart", "deployment/marquee-reranker")
        release.kubectl("rollout", "status", "deployment/marquee-reranker", "--timeout=120s", seconds=150)
    load.summary(N)
    assert not before & {pod.metadata.uid for pod in release.pods("reranker")}


def test_rolling_update_of_the_inference_service(release):
    before = {pod.metadata.uid for pod in release.pods("retrieval")}
    with Load(release, RATE, SECONDS) as load:
        time.sleep(8)
        release.install(*TWO, "--set", "retrieval.podAnnotations.rollout=again")
        until(lambda: not before & {pod.metadata.uid for pod in release.pods("retrieval")}, 120, "new retrieval pods")
    assert degraded_share(load.summary(N)) < 0.05


def test_eviction_of_a_reranker(release):
    """As a drain does it: through the API that the PodDisruptionBudget guards."""
    first, second, *_ = [pod.metadata.name for pod in release.ready_pods("reranker")]

    def evict(name):
        body = client.V1Eviction(metadata=client.V1ObjectMeta(name=name, namespace=release.namespace))
        client.CoreV1Api().create_namespaced_pod_eviction(name, release.namespace, body)

    with Load(release, RATE, SECONDS) as load:
        time.sleep(10)
        evict(first)
        with pytest.raises(client.ApiException) as refused:
            evict(second)
        assert refused.value.status == 429
    load.summary(N)


def test_hard_kill_of_the_only_retrieval_pod(release):
    until(lambda: len(release.pods("retrieval")) == 1, 240, "a single retrieval pod")
    (only,) = release.ready_pods("retrieval")
    with Load(release, RATE, SECONDS) as load:
        time.sleep(10)
        release.kubectl("delete", "pod", only.metadata.name, "--grace-period=0", "--force")
        until(lambda: release.ready_pods("retrieval"), 120, "another retrieval pod")
    summary = load.summary(N)
    assert summary["outcomes"]["item_cf"] > 0  # the gap was bridged by the next rung
    assert summary["outcomes"]["two_tower"] > N / 3  # and it came back
    assert release.ask()["degraded"] == []


def test_upgrade_to_a_new_model_and_back(release, tmp_path):
    another = tmp_path / "another.toml"  # with the same seed it would be the same model
    another.write_text(
        (ROOT / "training/marquee_training/configs/quick.toml").read_text().replace("seed = 1", "seed = 2")
    )
    before = release.ask()["model_version"]
    revision = release.helm("history", release.name, "-o", "json").count('"revision"')
    with Load(release, 30, 120) as load:  # training needs the processors as well
        time.sleep(5)
        release.install(*TWO, "--set-file", f"training.configToml={another}", "--set", "training.force=true")
        until(lambda: release.ask()["model_version"] != before, 120, "the new model")
    load.summary(N)
    with Load(release, RATE, SECONDS) as load:
        time.sleep(5)
        release.helm("rollback", release.name, revision)
        release.kubectl("rollout", "status", "deployment/marquee-reranker", "--timeout=120s", seconds=150)
    load.summary(N)
