"""Own data and models in a bucket: trained by several pods (torchrun), served without a claim; new items; no bucket."""

import json
import os
import re
from pathlib import Path

import httpx2
import pytest
from kubernetes import client

from examples.make import make
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
    "training": {"backend": "torchrun", "nodes": 2, "data": {"url": "s3://films/shop"}},
    "reranker": {"autoscaling": {"minReplicas": 3, "maxReplicas": 3}, "items": {"existingSecret": "items"}},
}
TOKEN = {"authorization": "Bearer s3cret"}
BOOKS = {"item_ids": ["978-1-00001-1", "978-1-00002-2"], "top_n": 5}
# Long enough to be killed in the middle.
SLOW = "seed = 7\neval_folds_run = 1\nepochs = 6\npatience = 6\neval_every = 2\n"


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A shop's data: ids of text, no genres, no years."""
    folder = make("books", tmp_path_factory.mktemp("shop"), people=1500, items=800, rows=50_000)
    mapping = (folder / "marquee.toml").read_text()
    (folder / "marquee.toml").write_text(re.sub(r"(?m)^(genres|year) = .*\n", "", mapping))
    return folder


@pytest.fixture(scope="module")
def bucket(release: Release, data: str, shop: Path, tmp_path_factory: pytest.TempPathFactory) -> Release:
    """A namespace with a bucket that has the shop's data, and no release yet."""
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
        for path in (path for path in shop.rglob("*") if path.is_file()):
            address = f"{url}/films/shop/{path.relative_to(shop)}"
            httpx2.put(address, content=path.read_bytes(), timeout=10).raise_for_status()
    made.kubectl("create", "secret", "generic", "items", "--from-literal=items-token=s3cret")
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
    # Not k8s/install, which would wait for the Job's end: one pod has to die in the middle of it.
    ours = ("-f", "k8s/values/kind.yaml", "--set", f"image.tag={TAG}")
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


def test_it_is_served_without_a_claim_through_kserve(bucket, shop):
    bucket.kubectl("wait", "inferenceservice", "--all", "--for", "condition=Ready", "--timeout", "180s", seconds=200)
    bucket.kubectl("rollout", "status", "deployment/marquee-reranker", "--timeout", "120s")
    rules = {"filters": {"columns": {"price": {"max": 25}}}, "max_per": {"author": 1}}
    asked = {**BOOKS, **rules, "boost": [{"columns": {"author": "Gia Romano"}, "by": 100}]}
    answer = until(lambda: not (found := bucket.ask(asked))["degraded"] and found, 60, "both tiers on the model")
    assert answer["served_by"] == "two_tower"
    books = {book["isbn"]: book for book in map(json.loads, (shop / "books.jsonl").read_text("utf-8").splitlines())}
    found = [books[book["item_id"]] for book in answer["recommendations"]]
    assert found[0]["author"] == "Gia Romano"
    assert len({book["author"] for book in found}) == 5
    assert max(book["price"] for book in found) <= 25
    assert not client.CoreV1Api().list_namespaced_persistent_volume_claim("bucket").items


def test_a_new_item_is_on_every_replica_and_survives_a_kill(bucket):
    new = {"title": "Moon Harbour", "columns": {"author": "Gia Romano", "price": 2}}  # others cost 5 or more
    asked = {**BOOKS, "filters": {"columns": {"price": {"max": 3}}}}

    def recommends(pod):
        with bucket.forward(f"pod/{pod}", 8080, "/readyz") as url:
            answer = httpx2.post(f"{url}/v1/recommendations", json=asked, timeout=10).json()
        return [book["item_id"] for book in answer["recommendations"]]

    def replicas():
        return {pod.metadata.name for pod in bucket.ready_pods("reranker")}

    before = until(lambda: len(found := replicas()) == 3 and found, 90, "three replicas")
    assert [recommends(pod) for pod in before] == [[], [], []]
    with bucket.forward("service/marquee-reranker", 80) as url:
        httpx2.put(f"{url}/v1/items/978-1-2345", json=new, headers=TOKEN, timeout=10).raise_for_status()
    for pod in before:
        until(lambda pod=pod: recommends(pod) == ["978-1-2345"], 60, f"the new item on {pod}")
    bucket.kubectl("delete", "pod", min(before), "--grace-period=0", "--force")
    (fresh, *_) = until(lambda: replicas() - before, 90, "another replica")
    assert recommends(fresh) == ["978-1-2345"]


def test_the_bucket_goes_away_and_nothing_that_is_served_is_lost(bucket):
    assert gauge(bucket, "marquee_store_reachable") == 1
    version = bucket.ask()["model_version"]
    with Load(bucket, 10, 25) as load:
        bucket.kubectl("delete", "pod", "s3", "--grace-period=1")
        until(lambda: gauge(bucket, "marquee_store_reachable") == 0, 60, "the servers' notice")
    assert set(load.summary(250)["versions"]) == {version}
    assert "can't be reached" in bucket.logs("reranker")
    bucket.helm("uninstall", bucket.name)
