"""What the chart makes without any values, pinned: a change here is a change for everyone who installs it."""

import re

KSERVE = ("-a", "serving.kserve.io/v1beta1")


def test_the_objects(render):
    made = sorted((one["kind"], re.sub("-[0-9a-f]{8}$", "-HASH", one["metadata"]["name"])) for one in render())
    assert made == [
        ("CronJob", "films-marquee-retrain"),
        ("CronJob", "films-marquee-rollback"),
        ("Deployment", "films-marquee-reranker"),
        ("Deployment", "films-marquee-retrieval-predictor"),
        ("HorizontalPodAutoscaler", "films-marquee-reranker"),
        ("HorizontalPodAutoscaler", "films-marquee-retrieval"),
        ("Job", "films-marquee-train-0-1-0-HASH"),
        ("NetworkPolicy", "films-marquee-reranker"),
        ("NetworkPolicy", "films-marquee-retrieval"),
        ("NetworkPolicy", "films-marquee-rollback"),
        ("NetworkPolicy", "films-marquee-test"),
        ("NetworkPolicy", "films-marquee-training"),
        ("PersistentVolumeClaim", "films-marquee-artifacts"),
        ("Pod", "films-marquee-test-api"),
        ("Pod", "films-marquee-test-fallback"),
        ("Pod", "films-marquee-test-retrieval"),
        ("Service", "films-marquee-reranker"),
        ("Service", "films-marquee-retrieval-predictor"),
        ("ServiceAccount", "films-marquee"),
    ]


def test_kserve_replaces_only_the_deployment_and_its_service(render):
    def names(objects):
        return {(one["kind"], one["metadata"]["name"]) for one in objects}

    plain, kserve = names(render()), names(render(*KSERVE))
    assert plain - kserve == {
        ("Deployment", "films-marquee-retrieval-predictor"),
        ("Service", "films-marquee-retrieval-predictor"),
    }
    assert kserve - plain == {
        ("InferenceService", "films-marquee-retrieval"),
        ("ServingRuntime", "films-marquee-retrieval"),
    }


def test_the_reranker(render, find):
    objects = render()
    spec = find(objects, "Deployment", "-reranker")["spec"]
    (container,) = spec["template"]["spec"]["containers"]
    assert container["image"] == "marquee-reranker:0.1.0"
    assert {one["name"]: one["value"] for one in container["env"]} == {
        "MARQUEE_ARTIFACTS_DIR": "/artifacts",
        "MARQUEE_RETRIEVAL_URL": "http://films-marquee-retrieval-predictor",
        "MARQUEE_RETRIEVAL_PROTOCOL": "v2",
        "MARQUEE_ROLLBACK": "kubectl -n cinema create job --from=cronjob/films-marquee-rollback back-1",
    }
    assert container["readinessProbe"]["httpGet"]["path"] == "/readyz"
    assert container["livenessProbe"]["httpGet"]["path"] == "/livez"
    assert container["lifecycle"]["preStop"] == {"sleep": {"seconds": 5}}
    assert spec["template"]["spec"]["terminationGracePeriodSeconds"] == 35
    # Training may have to end first.
    assert spec["progressDeadlineSeconds"] == 15000
    assert spec["template"]["spec"]["securityContext"]["runAsUser"] == 10001


def test_its_hpa_goes_up_fast_and_down_slowly(render, find):
    spec = find(render(), "HorizontalPodAutoscaler", "-reranker")["spec"]
    assert (spec["minReplicas"], spec["maxReplicas"]) == (1, 6)
    assert spec["metrics"] == [
        {"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 65}}}
    ]
    up, down = spec["behavior"]["scaleUp"], spec["behavior"]["scaleDown"]
    assert up["stabilizationWindowSeconds"] == 0
    assert up["selectPolicy"] == "Max"
    assert {"type": "Pods", "value": 4, "periodSeconds": 15} in up["policies"]
    assert down["stabilizationWindowSeconds"] == 300
    assert down["selectPolicy"] == "Min"


def test_retrieval_proves_a_real_search(render, find):
    spec = find(render(), "Deployment", "-predictor")["spec"]["template"]["spec"]
    (container,) = spec["containers"]
    assert container["image"] == "marquee-retrieval:0.1.0"
    assert container["readinessProbe"]["httpGet"]["path"] == "/predictions/two_tower"
    for probe in ("startupProbe", "livenessProbe"):  # a server that waits for its first model is in good health
        assert container[probe]["httpGet"]["path"] == "/ping"
    assert container["lifecycle"]["preStop"] == {"sleep": {"seconds": 10}}


def test_the_inference_service_leaves_the_claim_to_kserve(render, find):
    """A pod that has one claim under two names never starts (seen with Kubernetes 1.34)."""
    predictor = find(render(*KSERVE), "InferenceService")["spec"]["predictor"]
    assert "initContainers" not in predictor
    assert not any("persistentVolumeClaim" in volume for volume in predictor.get("volumes", []))


def test_the_inference_service(render, find):
    objects = render(*KSERVE)
    service = find(objects, "InferenceService")
    assert service["metadata"]["annotations"] == {
        "serving.kserve.io/deploymentMode": "Standard",
        "serving.kserve.io/autoscalerClass": "external",
    }
    assert service["metadata"]["labels"]["networking.kserve.io/visibility"] == "cluster-local"
    # KServe would copy it to the pods, and a new chart would restart them.
    assert "helm.sh/chart" not in service["metadata"]["labels"]
    predictor = service["spec"]["predictor"]
    assert predictor["model"] == {
        "modelFormat": {"name": "pytorch", "version": "1"},
        "runtime": "films-marquee-retrieval",
        "protocolVersion": "v2",
        "storageUri": "pvc://films-marquee-artifacts",
    }
    assert predictor["deploymentStrategy"]["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}
    (container,) = find(objects, "ServingRuntime")["spec"]["containers"]
    assert container["name"] == "kserve-container"
    assert [port["containerPort"] for port in container["ports"]] == [8080]
    assert container["env"] == [{"name": "MARQUEE_ARTIFACTS_DIR", "value": "/mnt/models"}]
    target = find(objects, "HorizontalPodAutoscaler", "-retrieval")
    assert target["spec"]["scaleTargetRef"]["name"] == "films-marquee-retrieval-predictor"


def test_the_job(render, find):
    job = find(render(), "Job")
    assert "helm.sh/hook" not in job["metadata"].get("annotations", {})
    spec = job["spec"]
    assert spec["podFailurePolicy"]["rules"] == [
        {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]},
        {"action": "FailJob", "onExitCodes": {"operator": "In", "values": [2, 3, 4, 5, 6]}},
    ]
    assert spec["podReplacementPolicy"] == "Failed"
    assert spec["activeDeadlineSeconds"] == 14400
    assert "ttlSecondsAfterFinished" not in spec
    pod = spec["template"]["spec"]
    assert pod["restartPolicy"] == "Never"
    assert pod["containers"][0]["args"] == ["train", "--store=/artifacts", "--real-only", "--config=auto"]
    assert "env" not in pod["containers"][0]
    # Beside waiting servers it has to find room on one node.
    assert pod["containers"][0]["resources"]["requests"] == {
        "cpu": "500m",
        "memory": "1Gi",
        "ephemeral-storage": "1Gi",
    }


def test_the_volume_outlives_the_release(render, find):
    claim = find(render(), "PersistentVolumeClaim")
    assert claim["metadata"]["annotations"] == {"helm.sh/resource-policy": "keep"}
    assert claim["spec"] == {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "2Gi"}}}
