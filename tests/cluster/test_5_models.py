"""New models, bad models and the way back, while the same pods run."""

import httpx2
from kubernetes import client

from tests.cluster.conftest import until

ANOTHER = "sed 's/^seed = 1/seed = 3/' /app/marquee_training/configs/quick.toml >/tmp/another.toml"
SPOIL = """
import dataclasses, pathlib
from marquee.bundle import load, publish
store = pathlib.Path("/artifacts")
contents = load(store)
published = publish(store, dataclasses.replace(contents, config={**contents.config, "note": "spoilt"}), force=True)
vectors = published.path / "two_tower.safetensors"
vectors.write_bytes(vectors.read_bytes()[:-1] + b"\\x55")
print("spoilt", published.manifest.version)
"""


def identities(release):
    """Pods and how often their containers were restarted."""
    return {
        (pod.metadata.uid, sum(status.restart_count for status in pod.status.container_statuses))
        for component in ("reranker", "retrieval")
        for pod in release.pods(component)
    }


def test_a_second_training_run_is_picked_up_without_a_restart(release):
    # What grew under the load before has to shrink first.
    until(lambda: len(release.pods("reranker")) <= 2 and len(release.pods("retrieval")) == 1, 300, "the least of pods")
    before, old = identities(release), release.ask()["model_version"]
    train = "exec marquee train --store=/artifacts --config=/tmp/another.toml --force"
    release.job_like("marquee-retrain", "retrain-1", ["sh", "-c", f"{ANOTHER} && {train}"])
    assert "published" in release.wait_for_job("retrain-1")
    new = until(lambda: (version := release.ask()["model_version"]) != old and version, 60, "the new model")
    answer = until(lambda: not (found := release.ask())["degraded"] and found, 60, "both tiers on it")
    assert answer["model_version"] == new
    assert identities(release) == before


def test_a_broken_version_is_refused_everywhere_and_reported(release):
    before, good = identities(release), release.ask()["model_version"]
    release.job_like("marquee-rollback", "spoil", ["python3", "-c", SPOIL])
    assert "spoilt" in release.wait_for_job("spoil")
    for component in ("reranker", "retrieval"):
        until(lambda component=component: "bundle refused" in release.logs(component), 60, f"{component}'s refusal")
    assert release.ask()["model_version"] == good
    assert release.ask()["degraded"] == []
    with release.forward(f"pod/{release.ready_pods('reranker')[0].metadata.name}", 9090) as url:
        text = httpx2.get(f"{url}/metrics", timeout=5).text
    assert 'marquee_bundle_loads_total{result="refused"} 1.0' in text
    assert identities(release) == before


def test_rolling_back_is_one_command(release):
    release.job_from("marquee-rollback", "back-1")
    good = release.ask()["model_version"]
    old = good
    release.job_from("marquee-rollback", "back-2")
    until(lambda: release.ask()["model_version"] != old, 60, "the model before")
    assert release.ask()["served_by"] == "two_tower"


def test_a_refused_model_fails_at_once_and_harms_nobody(release):
    """Worse than the current one, or a bad configuration: no retries."""
    release.job_like("marquee-retrain", "nonsense", ["marquee", "train", "--store=/artifacts", "--config=nonsense"])

    def failed():
        return client.BatchV1Api().read_namespaced_job_status("nonsense", release.namespace).status.failed

    assert until(failed, 90, "the job's failure") == 1
    reason = client.BatchV1Api().read_namespaced_job_status("nonsense", release.namespace).status.conditions
    assert "PodFailurePolicy" in {condition.reason for condition in reason}
    assert release.ask()["degraded"] == []
