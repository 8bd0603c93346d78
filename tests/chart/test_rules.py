"""What holds for every object of every rendering: security, names, selectors, ports."""

import re

from marquee.settings import FOREIGN, Settings

ALLOWED_VOLUMES = {
    "configMap",
    "csi",
    "downwardAPI",
    "emptyDir",
    "ephemeral",
    "persistentVolumeClaim",
    "projected",
    "secret",
}
CLUSTER_SCOPED = {"ClusterRole", "ClusterRoleBinding", "CustomResourceDefinition", "Namespace", "PersistentVolume"}
SERVERS = {"Deployment", "InferenceService"}


def containers(spec):
    return [*spec.get("initContainers", []), *spec["containers"]]


def matches(selector, labels):
    return selector.items() <= labels.items()


def test_pods_pass_pod_security_restricted(objects, pods):
    for name, _, spec in pods(objects):
        pod = spec["securityContext"]
        assert pod["runAsNonRoot"] is True, name
        # None: the platform gives one (values/openshift.yaml).
        assert {pod.get(key) for key in ("runAsUser", "runAsGroup", "fsGroup")} in ({10001}, {None}), name
        assert pod["seccompProfile"]["type"] == "RuntimeDefault", name
        assert not {"hostNetwork", "hostPID", "hostIPC"} & spec.keys(), name
        for volume in spec.get("volumes", []):
            assert set(volume) - {"name"} <= ALLOWED_VOLUMES, (name, volume)
        for container in containers(spec):
            context = container["securityContext"]
            assert context["allowPrivilegeEscalation"] is False, name
            assert context["readOnlyRootFilesystem"] is True, name
            assert context["capabilities"] == {"drop": ["ALL"]}, name
            assert not {"privileged", "procMount", "runAsUser"} & context.keys(), name
            assert not any("hostPort" in port for port in container.get("ports", [])), name


def test_pods_have_no_token_and_no_service_links(objects, pods):
    for name, _, spec in pods(objects):
        assert spec["automountServiceAccountToken"] is False, name
        # MARQUEE_RERANKER_SERVICE_HOST and the like would be unknown settings, an error.
        assert spec["enableServiceLinks"] is False, name
    accounts = [one for one in objects if one["kind"] == "ServiceAccount"]
    assert all(one["automountServiceAccountToken"] is False for one in accounts)


def test_containers_say_what_they_need(objects, pods):
    for name, _, spec in pods(objects):
        for container in containers(spec):
            resources = container["resources"]
            assert {"cpu", "memory"} <= resources["requests"].keys(), (name, container["name"])
            # A CPU limit would throttle the slowest requests.
            assert "memory" in resources["limits"], (name, container["name"])
            assert "cpu" not in resources["limits"], (name, container["name"])
            assert re.search(r":[\w.-]+$|@sha256:[0-9a-f]{64}$", container["image"]), (name, container["image"])


def test_environment_is_known_and_given_once(objects, pods):
    known = {f"MARQUEE_{field.upper()}" for field in Settings.model_fields} | FOREIGN
    for name, _, spec in pods(objects):
        for container in containers(spec):
            variables = [variable["name"] for variable in container.get("env", [])]
            assert len(variables) == len(set(variables)), (name, variables)
            assert {one for one in variables if one.startswith("MARQUEE_")} <= known, name
            assert all(isinstance(one.get("value", ""), str) for one in container.get("env", [])), name


def test_mounts_have_their_volumes(objects, pods):
    for name, _, spec in pods(objects):
        volumes = [volume["name"] for volume in spec.get("volumes", [])]
        assert len(volumes) == len(set(volumes)), name
        mounted = set()
        for container in containers(spec):
            paths = [mount["mountPath"] for mount in container.get("volumeMounts", [])]
            assert len(paths) == len(set(paths)), (name, paths)
            mounted |= {mount["name"] for mount in container.get("volumeMounts", [])}
        assert mounted == set(volumes), name


def test_only_training_and_rollback_write_the_artifacts(objects, pods):
    for name, metadata, spec in pods(objects):
        writes = metadata["labels"]["app.kubernetes.io/component"] in {"training", "rollback"}
        for container in containers(spec):
            for mount in container.get("volumeMounts", []):
                if mount["name"] == "artifacts":
                    assert mount.get("readOnly", False) is not writes, (name, container["name"])


def test_names_are_valid_and_unique(objects):
    seen = set()
    for one in objects:
        name = one["metadata"]["name"]
        # The longest that a Job's pod, an indexed pod's host name and a label can carry.
        limit = {"CronJob": 52, "InferenceService": 53, "Job": 61}.get(one["kind"], 63)
        assert len(name) <= limit, (one["kind"], name)
        assert re.fullmatch(r"[a-z]([-a-z0-9]*[a-z0-9])?", name), name
        assert (one["kind"], name) not in seen
        seen.add((one["kind"], name))
        assert one["metadata"]["namespace"] == "cinema", name
        assert one["kind"] not in CLUSTER_SCOPED


def test_labels_are_valid(objects, pods):
    for metadata in [*(one["metadata"] for one in objects), *(metadata for _, metadata, _ in pods(objects))]:
        assert {"app.kubernetes.io/name", "app.kubernetes.io/instance"} <= metadata["labels"].keys()
        for key, value in metadata["labels"].items():
            assert re.fullmatch(r"(?:[\w.-]{1,253}/)?[\w.-]{1,63}", key), key
            assert re.fullmatch(r"([A-Za-z0-9]([\w.-]{0,61}[A-Za-z0-9])?)?", value), (key, value)


# How objects of a kind select pods.
SELECTORS = {
    "Service": lambda spec: spec["selector"],
    "Deployment": lambda spec: spec["selector"]["matchLabels"],
    "PodDisruptionBudget": lambda spec: spec["selector"]["matchLabels"],
}
POLICY_TOO = SELECTORS | {"NetworkPolicy": lambda spec: spec["podSelector"]["matchLabels"]}


def test_selectors_find_pods_and_hold_no_version(objects, pods):
    templates = pods(objects)
    # A TrainJob's pods are made by Kubeflow; their labels are in its patch.
    labels = [metadata["labels"] for _, metadata, _ in templates]
    for one in objects:
        spec = one.get("spec", {})
        selector = POLICY_TOO.get(one["kind"])
        if selector is None or one["metadata"]["name"].endswith("-training"):
            continue
        chosen = selector(spec)
        assert any(matches(chosen, one) for one in labels), (one["kind"], one["metadata"]["name"])
        assert not {"helm.sh/chart", "app.kubernetes.io/version"} & chosen.keys()
    for name, metadata, _ in templates:
        kind = name.split()[0]
        if kind not in SERVERS:
            continue
        # A chart of another version must not restart servers.
        assert not {"helm.sh/chart", "app.kubernetes.io/version"} & metadata["labels"].keys(), name


def test_services_reach_only_their_own_pods(objects, pods):
    for service in (one for one in objects if one["kind"] == "Service"):
        selected = [
            name for name, metadata, _ in pods(objects) if matches(service["spec"]["selector"], metadata["labels"])
        ]
        jobs = [name for name in selected if name.split()[0] in {"Job", "CronJob", "Pod"}]
        assert not jobs or service["metadata"]["name"].endswith("-train"), (service["metadata"]["name"], jobs)


def test_service_ports_are_ports_of_the_container(objects, pods):
    for service in (one for one in objects if one["kind"] == "Service"):
        if service["metadata"]["name"].endswith("-train"):
            continue
        for name, metadata, spec in pods(objects):
            if not matches(service["spec"]["selector"], metadata["labels"]):
                continue
            ports = {port["name"]: port["containerPort"] for port in spec["containers"][0]["ports"]}
            for port in service["spec"]["ports"]:
                target = port["targetPort"]
                # 9090 is not declared on retrieval, lest KServe show it; both servers listen there.
                assert ports.get(target, target) in {7070, 8080, 9090}, name
                assert target == 9090 or target in ports, name


def test_metrics_are_on_no_service_for_clients(objects):
    for service in (one for one in objects if one["kind"] == "Service"):
        ports = {port["targetPort"] for port in service["spec"]["ports"]}
        assert not ports & {9090, "metrics"} or service["metadata"]["name"].endswith("-metrics")


def test_probes_name_ports_that_exist(objects, pods):
    for name, _, spec in pods(objects):
        if name.split()[0] not in SERVERS:
            continue
        container = spec["containers"][0]
        if container["name"] == "gateway":  # one pod: no other could answer while it waits
            continue
        ports = {port["name"] for port in container["ports"]} | {port["containerPort"] for port in container["ports"]}
        for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
            assert container[probe]["httpGet"]["port"] in ports, (name, probe)
        stop = container["lifecycle"]["preStop"]
        seconds = stop["sleep"]["seconds"] if "sleep" in stop else int(stop["exec"]["command"][1])
        assert seconds >= 5, name
        assert spec["terminationGracePeriodSeconds"] >= seconds + 20, name


def test_replicas_belong_to_either_the_hpa_or_us(objects):
    targets = {one["spec"]["scaleTargetRef"]["name"] for one in objects if one["kind"] == "HorizontalPodAutoscaler"}
    for deployment in (one for one in objects if one["kind"] == "Deployment"):
        name, strategy = deployment["metadata"]["name"], deployment["spec"]["strategy"]
        assert ("replicas" in deployment["spec"]) != (name in targets)
        if name.endswith("-gateway"):  # one node can mount its claim
            assert strategy == {"type": "Recreate"}
        else:
            assert sorted(strategy["rollingUpdate"].values()) == [0, 1]


def test_with_a_bucket_only_its_gateway_has_a_claim_and_pods_go_anywhere(objects, pods):
    """Every user of the store has its address and a cache of a limited size, and may reach it."""
    servers = [(name, spec) for name, _, spec in pods(objects) if name.split()[0] in SERVERS]
    stores = {
        one.get("value")
        for _, spec in servers
        for one in spec["containers"][0].get("env", [])
        if one["name"] == "MARQUEE_ARTIFACTS"
    }
    if not stores:
        return
    (store,) = stores
    for name, metadata, spec in pods(objects):
        component = metadata["labels"]["app.kubernetes.io/component"]
        claims = [volume for volume in spec["volumes"] if "persistentVolumeClaim" in volume]
        if component == "gateway":
            assert len(claims) == 1
            continue
        data = [volume for volume in claims if volume["name"] != "data"]
        assert not data, name
        assert "podAffinity" not in spec.get("affinity", {}), name
        assert not any(one["name"] == "wait-for-model" for one in spec.get("initContainers", [])), name
        container = spec["containers"][0]
        if component == "test" and not name.endswith("-fallback"):
            continue
        env = {one["name"]: one for one in container["env"]}
        assert env["MARQUEE_ARTIFACTS"]["value"] == store, name
        assert "MARQUEE_ARTIFACTS_DIR" not in env, name
        cache = next(volume for volume in spec["volumes"] if volume["name"] == "cache")
        assert cache["emptyDir"]["sizeLimit"], name
        assert {"name": "cache", "mountPath": env["MARQUEE_CACHE_DIR"]["value"]} in container["volumeMounts"], name
        if component in {"training", "rollback"} and "args" in container:
            words = container.get("command", []) + container["args"]
            assert f"--store={store}" in words, name
    gateway = [one for one in objects if one["kind"] == "Service" and one["metadata"]["name"].endswith("-gateway")]
    for policy in (one for one in objects if one["kind"] == "NetworkPolicy"):
        if policy["metadata"]["name"].endswith("-gateway"):
            continue
        egress = policy["spec"]["egress"]
        ports = {port["port"] for rule in egress for port in rule.get("ports", [])}
        assert {} in egress or (7070 if gateway else 443) in ports, policy["metadata"]["name"]
        assert {} in egress or 53 in ports, policy["metadata"]["name"]


def test_nothing_but_its_own_selects_a_canary(objects, pods):
    for name, metadata, _ in pods(objects):
        if metadata["labels"]["app.kubernetes.io/component"] != "retrieval-canary":
            continue
        for one in objects:
            spec = one.get("spec", {})
            selector = SELECTORS.get(one["kind"])
            if selector and matches(selector(spec), metadata["labels"]):
                assert one["metadata"]["name"].endswith(("-retrieval-canary-predictor", "-metrics")), (
                    one["kind"],
                    name,
                )
        policies = [one["spec"] for one in objects if one["kind"] == "NetworkPolicy"]
        assert any(matches(one["podSelector"]["matchLabels"], metadata["labels"]) for one in policies)
