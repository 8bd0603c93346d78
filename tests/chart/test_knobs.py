"""The knobs of platform teams: scaling by others, probes, strategies, ways in, monitoring, more containers."""

import pytest

KSERVE = ("-a", "serving.kserve.io/v1beta1")


@pytest.mark.parametrize("apis", [(), KSERVE])
def test_scaling_left_to_others(render, find, apis):
    """KServe 0.20 leaves a Deployment's replicas alone with class external and no minReplicas."""
    left = "autoscaling.enabled=false,{0}.replicas=null"
    settings = ",".join(f"{name}.{left.format(name)}" for name in ("retrieval", "reranker"))
    several = "artifacts.accessMode=ReadWriteMany,artifacts.singleNode=false,retrieval.canary.enabled=true"
    objects = render(*apis, "--set", f"{settings},{several},retrieval.canary.model=staging")
    assert "replicas" not in find(objects, "Deployment", "-reranker")["spec"]
    if apis:
        service = find(objects, "InferenceService")
        assert service["metadata"]["annotations"]["serving.kserve.io/autoscalerClass"] == "external"
        assert not {"minReplicas", "maxReplicas"} & service["spec"]["predictor"].keys()
    else:
        assert "replicas" not in find(objects, "Deployment", "-retrieval-predictor")["spec"]
        assert find(objects, "Deployment", "-canary-predictor")["spec"]["replicas"] == 1
    assert not [one for one in objects if one["kind"] == "HorizontalPodAutoscaler"]
    # How many there are is unknown; the budget harms a single pod as little as it helps it.
    assert len([one for one in objects if one["kind"] == "PodDisruptionBudget"]) == 2


def test_keda_can_scale_an_inference_service(render, find):
    keda = "kserve.annotations.serving\\.kserve\\.io/autoscalerClass=keda,retrieval.autoscaling.enabled=false"
    annotations = find(render(*KSERVE, "--set", f"retrieval.{keda}"), "InferenceService")["metadata"]["annotations"]
    assert annotations["serving.kserve.io/autoscalerClass"] == "keda"


@pytest.mark.parametrize("name", ["reranker", "retrieval-predictor"])
def test_probes_are_values(render, find, name):
    component = name.partition("-")[0]
    settings = f"{component}.startupProbe.failureThreshold=500,{component}.livenessProbe.tcpSocket.port=8080"
    pod = find(render("--set", settings), "Deployment", name)["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert container["startupProbe"]["failureThreshold"] == 500
    assert "httpGet" in container["startupProbe"]
    assert container["livenessProbe"]["tcpSocket"] == {"port": 8080}
    assert "httpGet" not in container["livenessProbe"]
    assert container["livenessProbe"]["failureThreshold"] == 6


def test_how_pods_are_replaced(render, find):
    full = "reranker.strategy.rollingUpdate.maxSurge=0,reranker.strategy.rollingUpdate.maxUnavailable=1"
    objects = render(*KSERVE, "--set", f"{full},retrieval.strategy.type=Recreate")
    strategy = find(objects, "Deployment", "-reranker")["spec"]["strategy"]
    assert strategy == {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 0, "maxUnavailable": 1}}
    assert find(objects, "InferenceService")["spec"]["predictor"]["deploymentStrategy"] == {"type": "Recreate"}


@pytest.mark.parametrize(("settings", "path"), [("", "/"), ("rootPath=/films", "/films"), ("rootPath=/a/b", "/a/b")])
def test_the_root_path(render, find, settings, path):
    routes = "ingress.enabled=true,ingress.hosts={a.example.com},httpRoute.enabled=true,httpRoute.parentRefs[0].name=a"
    options = ",".join(f"reranker.{one}" for one in f"{routes},{settings}".strip(",").split(","))
    objects = render("-a", "gateway.networking.k8s.io/v1", "--set", options)
    (container,) = find(objects, "Deployment", "-reranker")["spec"]["template"]["spec"]["containers"]
    variables = {one["name"]: one.get("value") for one in container["env"]}
    assert variables.get("MARQUEE_ROOT_PATH", "/") == path
    (rule,) = find(objects, "Ingress")["spec"]["rules"]
    assert rule["http"]["paths"][0]["path"] == path
    (rule,) = find(objects, "HTTPRoute")["spec"]["rules"]
    assert rule["matches"] == [{"path": {"type": "PathPrefix", "value": path}}]


def test_ways_in(render, find, tmp_path):
    (tmp_path / "values.yaml").write_text("""
reranker:
  ingress:
    enabled: true
    hosts: [a.example.com, b.example.com]
    path: /films
    pathType: ImplementationSpecific
    tlsSecret: all
    tls: [{secretName: b, hosts: [b.example.com]}]
  httpRoute:
    enabled: true
    parentRefs: [{name: public}]
    path: /route
    filters: [{type: RequestHeaderModifier, requestHeaderModifier: {remove: [x-debug]}}]
    timeouts: {request: 5s}
""")
    objects = render("-a", "gateway.networking.k8s.io/v1", "-f", str(tmp_path / "values.yaml"))
    ingress = find(objects, "Ingress")["spec"]
    assert [one["secretName"] for one in ingress["tls"]] == ["all", "b"]
    paths = {(one["path"], one["pathType"]) for rule in ingress["rules"] for one in rule["http"]["paths"]}
    assert paths == {("/films", "ImplementationSpecific")}
    (rule,) = find(objects, "HTTPRoute")["spec"]["rules"]
    assert rule["matches"][0]["path"]["value"] == "/route"
    assert rule["filters"][0]["type"] == "RequestHeaderModifier"
    assert rule["timeouts"] == {"request": "5s"}


def test_scrapes_and_alerts_as_values_say(render, find, tmp_path):
    (tmp_path / "values.yaml").write_text("""
monitoring:
  serviceMonitor:
    enabled: true
    scrapeTimeout: 5s
    relabelings: [{action: labeldrop, regex: pod}]
    metricRelabelings: [{action: drop}]
  prometheusRule:
    enabled: true
    thresholds: {errors: 0.001, p99Seconds: 2}
    disabled: {MarqueeShedding: true}
    additionalRuleLabels: {team: films, severity: page}
    runbookUrl: https://wiki.example.com/
""")
    objects = render("-a", "monitoring.coreos.com/v1", "-f", str(tmp_path / "values.yaml"))
    (endpoint,) = find(objects, "ServiceMonitor")["spec"]["endpoints"]
    assert endpoint["scrapeTimeout"] == "5s"
    assert endpoint["relabelings"] == [{"action": "labeldrop", "regex": "pod"}]
    assert endpoint["metricRelabelings"] == [{"action": "drop"}]
    rules = {one["alert"]: one for one in find(objects, "PrometheusRule")["spec"]["groups"][0]["rules"]}
    assert rules["MarqueeErrors"]["expr"].endswith("> 0.001")
    assert rules["MarqueeSlow"]["expr"].endswith("> 2")
    assert rules["MarqueeDegraded"]["expr"].endswith("> 0.05")
    assert "MarqueeShedding" not in rules
    for name, rule in rules.items():
        assert rule["labels"] == {"team": "films", "severity": "page"}
        assert rule["annotations"]["runbook_url"] == f"https://wiki.example.com/{name}"


def test_containers_beside_and_before_the_servers(render, pods):
    own = "[{'name': 'own', 'image': 'a:1'}]".replace("'", '"')
    kinds = ("Containers", "InitContainers")
    keys = [f"{one}.extra{kind}={own}" for one in ("reranker", "retrieval") for kind in kinds]
    found = 0
    for name, metadata, spec in pods(render("--set-json", ",".join(keys))):
        if metadata["labels"]["app.kubernetes.io/component"] in {"reranker", "retrieval"}:
            assert [one["name"] for one in spec["containers"]][1:] == ["own"], name
            assert [one["name"] for one in spec["initContainers"]] == ["own", "wait-for-model"], name
            found += 1
    assert found == 2


def test_releases_that_share_a_claim_share_its_node(render, pods):
    for _, metadata, spec in pods(render("--set", "artifacts.existingClaim=all,artifacts.sharedWith={next}")):
        (term,) = spec["affinity"]["podAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
        (_, instance) = term["labelSelector"]["matchExpressions"]
        assert instance["values"] == ["films", "next"], metadata
        assert "matchLabels" not in term["labelSelector"]
