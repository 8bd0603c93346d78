"""Models in a bucket: trained by several pods (torchrun), served without any claim, and the bucket goes away."""

import json
import os

import httpx2
import pytest
from kubernetes import client

from tests.cluster.conftest import CONTEXT, TAG, Load, Release, run, until

# A real S3 server that has conditional writes; the models of this test are small enough for its memory.
DOCKERFILE = """
FROM {base}
RUN pip install --quiet --root-user-action=ignore 'moto[s3]' flask flask-cors
USER 10001:10001
ENTRYPOINT ["moto_server", "-H", "0.0.0.0", "-p", "5000"]
"""
S3 = """
apiVersion: v1
kind: Pod
metadata: {name: s3, labels: {app: s3}}
spec:
  automountServiceAccountToken: false
  enableServiceLinks: false
  securityContext: {runAsNonRoot: true, runAsUser: 10001, seccompProfile: {type: RuntimeDefault}}
  containers:
    - name: s3
      image: marquee-test-s3:dev
      imagePullPolicy: Never
      env: [{name: HOME, value: /tmp}]
      ports: [{containerPort: 5000}]
      readinessProbe: {tcpSocket: {port: 5000}, periodSeconds: 1}
      securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}
---
apiVersion: v1
kind: Service
metadata: {name: s3}
spec: {selector: {app: s3}, ports: [{port: 5000}]}
"""
VALUES = {
    "artifacts": {
        "store": "object",
        "url": "s3://films/models",
        "env": [
            {"name": "AWS_ENDPOINT", "value": "http://s3:5000"},
            {"name": "AWS_REGION", "value": "us-east-1"},
            {"name": "AWS_ACCESS_KEY_ID", "value": "key"},
            {"name": "AWS_SECRET_ACCESS_KEY", "value": "secret"},
        ],
        "egress": [{"ports": [{"port": 5000, "protocol": "TCP"}]}],
    },
    "training": {"backend": "torchrun", "nodes": 2},
}
# Long enough to be killed in the middle.
SLOW = "seed = 7\neval_folds_run = 1\nepochs = 6\npatience = 6\neval_every = 2\n"


@pytest.fixture(scope="module")
def bucket(release: Release, data: str, tmp_path_factory: pytest.TempPathFactory) -> Release:
    """A namespace with a bucket, and no release yet."""
    folder = tmp_path_factory.mktemp("s3")
    base = os.environ.get("PYTHON_BUILD_IMAGE", "python:3.11-slim-bookworm")
    (folder / "Dockerfile").write_text(DOCKERFILE.format(base=base))
    run("docker", "build", "--quiet", "--tag", "marquee-test-s3:dev", folder, DOCKER_BUILDKIT="1")
    run("k8s/kind-load", "marquee-test-s3:dev")
    made = Release("bucket", data)
    run("kubectl", "--context", CONTEXT, "create", "namespace", made.namespace)
    (folder / "s3.yaml").write_text(S3)
    made.kubectl("apply", "-f", folder / "s3.yaml")
    made.kubectl("wait", "pod/s3", "--for", "condition=Ready", "--timeout", "90s")
    with made.forward("service/s3", 5000) as url:
        httpx2.put(f"{url}/films", timeout=10).raise_for_status()
    return made


def pods_of(release, job, phase):
    """The Job's pods in a phase: index -> name."""
    selector = f"batch.kubernetes.io/job-name={job}"
    pods = client.CoreV1Api().list_namespaced_pod(release.namespace, label_selector=selector).items
    index = "batch.kubernetes.io/job-completion-index"
    return {pod.metadata.labels[index]: pod.metadata.name for pod in pods if pod.status.phase == phase}


def gauge(release, name):
    (pod, *_) = release.ready_pods("reranker")
    with release.forward(f"pod/{pod.metadata.name}", 9090, "/metrics") as url:
        lines = httpx2.get(f"{url}/metrics", timeout=5).text.splitlines()
    return next(float(line.split()[-1]) for line in lines if line.startswith(f"{name} "))


def test_two_pods_train_together_into_the_bucket_after_one_was_killed(bucket, tmp_path):
    (tmp_path / "values.yaml").write_text(json.dumps(VALUES))
    (tmp_path / "training.toml").write_text(SLOW)
    several = ("-f", tmp_path / "values.yaml", "--set-file", f"training.configToml={tmp_path / 'training.toml'}")
    ratings = run("sed", "-e", "s|NAMESPACE|bucket|g", "-e", "s|FOLDER|/var/lib/marquee-data|", "k8s/movielens.yaml")
    (tmp_path / "ratings.yaml").write_text(ratings)
    bucket.kubectl("apply", "-f", tmp_path / "ratings.yaml")
    # Not k8s/install, which would wait for the Job's end: one pod has to die in the middle of it.
    ours = ("-f", "k8s/values/kind.yaml", "--set", f"image.tag={TAG},training.data.existingClaim=movielens")
    bucket.helm("install", bucket.name, "charts/marquee", *ours, *several)
    jobs = client.BatchV1Api().list_namespaced_job(bucket.namespace).items
    (job,) = [found.metadata.name for found in jobs if found.spec.completion_mode == "Indexed"]

    running = until(lambda: len(found := pods_of(bucket, job, "Running")) == 2 and found, 60, "two pods")
    until(lambda: "fold 1/1: epoch" in bucket.kubectl("logs", running["0"]), 180, "an epoch of the first fold")
    assert "configuration /config/training.toml, 2 processes" in bucket.kubectl("logs", running["0"])
    bucket.kubectl("delete", "pod", running["1"], "--grace-period=0", "--force")
    until(lambda: pods_of(bucket, job, "Failed") == {"0": running["0"]}, 60, "the end of the other pod")

    bucket.wait_for_job(job, 600)
    ended = pods_of(bucket, job, "Succeeded")
    assert set(ended) == {"0", "1"}
    assert "published" in bucket.kubectl("logs", ended["0"])
    assert "published" not in bucket.kubectl("logs", ended["1"])


def test_it_is_served_without_a_claim_through_kserve(bucket):
    bucket.kubectl("wait", "inferenceservice", "--all", "--for", "condition=Ready", "--timeout", "180s", seconds=200)
    bucket.kubectl("rollout", "status", "deployment/marquee-reranker", "--timeout", "120s")
    answer = until(lambda: not (found := bucket.ask())["degraded"] and found, 60, "both tiers on the model")
    assert answer["served_by"] == "two_tower"
    claims = client.CoreV1Api().list_namespaced_persistent_volume_claim("bucket").items
    assert [claim.metadata.name for claim in claims] == ["movielens"]


def test_the_bucket_goes_away_and_nothing_that_is_served_is_lost(bucket):
    assert gauge(bucket, "marquee_store_reachable") == 1
    version = bucket.ask()["model_version"]
    with Load(bucket, 10, 25) as load:
        bucket.kubectl("delete", "pod", "s3", "--grace-period=1")
        until(lambda: gauge(bucket, "marquee_store_reachable") == 0, 60, "the servers' notice")
    assert set(load.summary(250)["versions"]) == {version}
    assert "can't be reached" in bucket.logs("reranker")
    bucket.helm("uninstall", bucket.name)
