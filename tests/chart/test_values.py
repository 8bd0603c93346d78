"""What values change, and what is refused with a sentence that helps."""

import json

import pytest

KSERVE = ("-a", "serving.kserve.io/v1beta1")


REFUSED = [
    ("reranker.replica=2", "'replica' not allowed"),
    ("rerankers=2", "'rerankers' not allowed"),
    ("reranker.settings.maxInFlight=2", "'maxInFlight' not allowed"),
    ("reranker.autoscaling.minReplicas=0", "minimum"),
    ("retrieval.mode=knative", "must be one of"),
    ("retrieval.server=triton", "must be one of"),
    ("training.backend=pytorchjob", "must be one of"),
    ("training.image.digest=latest", "does not match pattern"),
    ("artifacts.accessMode=ReadWriteOncePod", "must be one of"),
    ("artifacts.size=lots", "does not match pattern"),
    ("retrieval.url=http://elsewhere/path", "does not match pattern"),
    # What the API server would refuse, or take for something else.
    ("fullnameOverride=Films", "does not match pattern"),
    ("fullnameOverride=1films", "does not match pattern"),
    ("commonLabels.team=the films", "does not match pattern"),
    ("training.podLabels.-team=films", "'-team' not allowed"),
    ("image.pullSecrets[0].secret=regcred", "missing property 'name'"),
    ("artifacts.existingClaim=My_claim", "does not match pattern"),
    ("artifacts.subPath=../other", "does not match pattern"),
    ("artifacts.subPath=/absolute", "does not match pattern"),
    ("training.schedule=0 3 * *", "does not match pattern"),
    ("training.schedule=@sometimes", "does not match pattern"),
    ("training.activeDeadlineSeconds=2147483647", "maximum"),
    ("training.extraEnv[0].value=x", "missing property 'name'"),
    ("reranker.extraEnv[0].value=1,reranker.extraEnv[0].name=X", "want string"),
    ("reranker.rootPath=films", "does not match pattern"),
    ("reranker.ingress.pathType=Regex", "must be one of"),
    ("reranker.livenessProbe.seconds=1", "'seconds' not allowed"),
    ("reranker.strategy.type=OnDelete", "must be one of"),
    ("networkPolicy.mesh=consul", "must be one of"),
    ("listenAddress=127.0.0.1", "must be one of"),
    ("services.ipFamilies[0]=IPv5", "must be one of"),
    ("pods.replicas=2", "'replicas' not allowed"),
    ("monitoring.prometheusRule.thresholds.errors=2", "maximum"),
    ("reranker.pdb.maxUnavailable=-1", "minimum"),
    ("reranker.pdb.maxUnavailable=0", "minimum"),
    ("retrieval.pdb.maxUnavailable=some", "does not match pattern"),
    ("retrieval.pdb.maxUnavailable=0%", "does not match pattern"),
    ("reranker.ingress.hosts[0]=https://films.example.com", "does not match pattern"),
    ("reranker.autoscaling.behavior.up=Max", "'up' not allowed"),
    ("reranker.autoscaling.behavior.scaleUp.selectPolicy=Most", "must be one of"),
    ("reranker.service.loadBalancerSourceRanges[0]=everyone", "does not match pattern"),
    ("networkPolicy.clientsFrom[0].namespaceSelectors=y", "'namespaceSelectors' not allowed"),
    ("networkPolicy.trainingEgress[0].from=x", "'from' not allowed"),
    ("artifacts.store=bucket", "must be one of"),
    ("artifacts.cacheSize=lots", "does not match pattern"),
    ("artifacts.gateway.replicas=2", "'replicas' not allowed"),
    ("model.channel=Next", "does not match pattern"),
    ("training.channel=next/one", "does not match pattern"),
    ("retrieval.canary.percent=100", "maximum"),
    ("retrieval.canary.model=Next", "does not match pattern"),
    ("reranker.shadow.share=2", "maximum"),
    ("reranker.httpRoute.backends[0].service=next", "missing property 'weight'"),
]
# helm names every mistake, so one run refuses many settings: one of each key.
ROUNDS: list[dict[str, str]] = [{}]
for setting, _ in REFUSED:
    key = setting.partition("=")[0]
    if all(key in settings for settings in ROUNDS):
        ROUNDS.append({})
    next(settings for settings in ROUNDS if key not in settings)[key] = setting


@pytest.mark.parametrize(("setting", "says"), REFUSED)
def test_the_schema_refuses(refusal, setting, says):
    text = refusal("--set", next(",".join(settings.values()) for settings in ROUNDS if setting in settings.values()))
    place = "/" + setting.partition("=")[0].replace("[", ".").replace("]", "").replace(".", "/")
    if says.endswith("not allowed") or says.startswith("missing"):  # said of what it is in
        place = place.rpartition("/")[0]
    assert any(f"at '{place}': " in line and says in line for line in text.splitlines()), text


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ("retrieval.mode=kserve", "install KServe 0.16 or newer, or set retrieval.mode to deployment"),
        ("training.backend=trainjob", "set training.backend to job"),
        ("artifacts.singleNode=false", "set artifacts.singleNode to true"),
        ("artifacts.store=object", "set artifacts.url, such as s3://films/models, or artifacts.gateway.enabled"),
        ("artifacts.store=object,artifacts.url=https://films", "artifacts.url is https://films: use s3://"),
        ("artifacts.url=s3://films/models", "set artifacts.store to object"),
        ("artifacts.gateway.enabled=true", "set artifacts.store to object"),
        ("artifacts.store=object,artifacts.url=gs://films,artifacts.gateway.enabled=true", "serves s3:// only"),
        ("artifacts.store=object,artifacts.url=gs://films,artifacts.existingClaim=a", "is for artifacts.store volume"),
        ("artifacts.store=object,artifacts.url=gs://films,artifacts.subPath=a", "a folder of a bucket is part of"),
        ("model.version=staging", "which is no version's name (such as"),
        ("retrieval.canary.enabled=true", "set retrieval.canary.image or retrieval.canary.model"),
        ("reranker.httpRoute.backends[0].service=a,reranker.httpRoute.backends[0].weight=1", "httpRoute.enabled"),
        ("reranker.autoscaling.minReplicas=9", "reranker.autoscaling.minReplicas (9) is more than maxReplicas (6)"),
        ("training.data.existingClaim=a,training.data.url=http://b/c", "set one of"),
        ("training.data.custom=true", "training.extraInitContainers bring the ratings, but there are none"),
        ("training.backend=torchrun,training.schedule=@daily", "works with training.backend job only"),
        ("reranker.ingress.enabled=true", "needs reranker.ingress.hosts"),
        ("reranker.httpRoute.enabled=true", "needs reranker.httpRoute.parentRefs"),
        ("reranker.strategy.rollingUpdate.maxSurge=0", "set maxUnavailable to 1"),
        ("monitoring.serviceMonitor.enabled=true", "need the Prometheus operator"),
        ("monitoring.prometheusRule.enabled=true", "needs monitoring.serviceMonitor.enabled"),
    ],
)
def test_contradictions_are_refused_with_the_fix(refusal, settings, says):
    assert says in refusal("--set", settings)


@pytest.mark.parametrize(
    "settings",
    [
        "training.schedule=*/5 0-6 * JAN-DEC MON,reranker.pdb.maxUnavailable=25%",
        "training.schedule=@every 12h30m,reranker.ingress.hosts[0]=*.example.com,artifacts.subPath=releases/films-2.0",
    ],
)
def test_the_schema_takes(render, settings):
    assert render("--set", settings)


@pytest.mark.parametrize(
    "setting",
    [
        "priorityClassName=high",
        "ttlSecondsAfterFinished=0",
        "extraEnvFrom[0].secretRef.name=bucket",
        "dnsPolicy=Default",
        "hostAliases[0].ip=192.0.2.1",
        "extraInitContainers[0].name=own",
    ],
)
def test_what_a_train_job_would_drop_is_refused(refusal, setting):
    trainjob = ("-a", "trainer.kubeflow.org/v1alpha1", "--set", "training.backend=trainjob")
    assert f"training.{setting.split('=')[0].split('[')[0]} can't be given to a TrainJob" in refusal(
        *trainjob, "--set", f"training.{setting}"
    )


def test_old_kubernetes_is_refused(refusal):
    assert "1.29" in refusal("--kube-version", "1.28.9")


def test_auto_takes_kserve_where_it_is(render):
    def kinds(*options):
        return {one["kind"] for one in render(*options)}

    assert "InferenceService" in kinds(*KSERVE)
    assert "InferenceService" not in kinds()
    assert "InferenceService" not in kinds(*KSERVE, "--set", "retrieval.mode=deployment")


@pytest.mark.parametrize(
    ("settings", "image"),
    [
        ("image.tag=v2", "marquee-reranker:v2"),
        ("image.registry=example.com/films", "example.com/films/marquee-reranker:0.1.0"),
        ("image.tag=v2,reranker.image.tag=v3", "marquee-reranker:v3"),
        (f"reranker.image.digest=sha256:{'a' * 64},image.tag=v2", f"marquee-reranker@sha256:{'a' * 64}"),
    ],
)
def test_images(render, find, settings, image):
    spec = find(render("--set", settings), "Deployment", "-reranker")["spec"]["template"]["spec"]
    assert spec["containers"][0]["image"] == spec["initContainers"][0]["image"] == image


def test_the_kserve_server_has_an_image_of_its_own(render, find):
    spec = find(render("--set", "retrieval.server=kserve"), "Deployment", "-predictor")["spec"]["template"]["spec"]
    assert spec["containers"][0]["image"] == "marquee-retrieval-kserve:0.1.0"


def job_name(render, find, *options):
    return find(render(*options), "Job")["metadata"]["name"]


def test_the_jobs_name_changes_with_what_it_trains_only(render, find):
    name = job_name(render, find)
    same = "reranker.replicas=3,training.activeDeadlineSeconds=99,training.backoffLimit=1,training.suspend=true"
    assert job_name(render, find, "--set", f"{same},training.schedule=@daily") == name
    others = [
        "training.config=full",
        "training.configToml=epochs = 3",
        "training.configToml=epochs = 4",
        "training.runId=again",
        "training.force=true",
        "training.data.dataset=ml-1m",
        "training.data.existingClaim=movielens",
        "training.resources.limits.memory=8Gi",
        "image.tag=v2",
        "podSecurityContext.runAsUser=20001",
    ]
    names = {job_name(render, find, "--set", other) for other in others}
    assert len(names | {name}) == len(others) + 1


def test_data_from_a_claim(render, find):
    objects = render("--set", "training.data.existingClaim=movielens,training.data.subPath=ml-25m")
    pod = find(objects, "Job")["spec"]["template"]["spec"]
    assert {"name": "MARQUEE_DATA_DIR", "value": "/data"} in pod["containers"][0]["env"]
    mount = next(mount for mount in pod["containers"][0]["volumeMounts"] if mount["name"] == "data")
    assert mount == {"name": "data", "mountPath": "/data", "readOnly": True, "subPath": "ml-25m"}
    # It needs the network no more.
    assert {} not in find(objects, "NetworkPolicy", "-training")["spec"]["egress"]


@pytest.mark.parametrize("backend", ["job", "torchrun", "trainjob"])
def test_data_in_a_bucket_is_read_from_there(render, find, backend):
    chosen = f"training.data.url=s3://shop/data,training.backend={backend}"
    objects = render("-a", "trainer.kubeflow.org/v1alpha1", "--set", chosen)
    assert "DATA_URL" not in str(objects)
    job = find(objects, "TrainJob" if backend == "trainjob" else "Job")["spec"]
    container = job["trainer"] if backend == "trainjob" else job["template"]["spec"]["containers"][0]
    assert {"name": "MARQUEE_DATA_DIR", "value": "s3://shop/data"} in container["env"]
    assert {} in find(objects, "NetworkPolicy", "-training")["spec"]["egress"]


@pytest.mark.parametrize("source", ["url=https://example.com/ml.zip", "existingSecret=address"])
def test_data_from_a_url_is_fetched_first(render, find, source):
    objects = render("--set", f"training.data.{source}")
    pod = find(objects, "Job")["spec"]["template"]["spec"]
    address = pod["initContainers"][0]["env"][0]
    assert address["name"] == "DATA_URL"
    assert address.get("value", "https://example.com/ml.zip") == "https://example.com/ml.zip"
    assert {"name": "MARQUEE_DATA_DIR", "value": "/data"} in pod["containers"][0]["env"]
    assert {} in find(objects, "NetworkPolicy", "-training")["spec"]["egress"]


def test_torchrun_finds_its_first_node(render, find):
    objects = render("--set", "training.backend=torchrun,training.nodes=3")
    job, service = find(objects, "Job"), find(objects, "Service", "-train")
    command = job["spec"]["template"]["spec"]["containers"][0]["command"]
    name = job["metadata"]["name"]
    assert f"--master-addr={name}-0.{service['metadata']['name']}" in command
    assert job["spec"]["template"]["spec"]["subdomain"] == service["metadata"]["name"]
    assert (job["spec"]["completions"], job["spec"]["parallelism"], job["spec"]["completionMode"]) == (3, 3, "Indexed")
    assert service["spec"]["clusterIP"] == "None"
    assert service["spec"]["publishNotReadyAddresses"] is True


def test_a_train_job_carries_pod_security_into_the_runtime(render, find):
    objects = render("-a", "trainer.kubeflow.org/v1alpha1", "--set", "training.backend=trainjob")
    spec = find(objects, "TrainJob")["spec"]
    (patch,) = spec["runtimePatches"]
    pod = patch["trainingRuntimeSpec"]["template"]["spec"]["replicatedJobs"][0]["template"]["spec"]["template"]["spec"]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["containers"][0]["name"] == "node"
    assert pod["containers"][0]["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert spec["trainer"]["args"][:3] == ["python3", "-m", "torch.distributed.run"]


def test_a_train_jobs_pods_have_annotations(render, find):
    settings = "training.backend=trainjob,training.podAnnotations.note=one,training.runId=again"
    (patch,) = find(render("-a", "trainer.kubeflow.org/v1alpha1", "--set", settings), "TrainJob")["spec"][
        "runtimePatches"
    ]
    pod = patch["trainingRuntimeSpec"]["template"]["spec"]["replicatedJobs"][0]["template"]["spec"]["template"]
    assert pod["metadata"]["annotations"] == {"note": "one", "marquee/run": "again"}


def test_a_train_jobs_name_has_room_for_its_pods_and_changes_with_what_is_fixed(render, find):
    def name(*settings, release="films"):
        options = ("-a", "trainer.kubeflow.org/v1alpha1", "--set", ",".join(("training.backend=trainjob", *settings)))
        return find(render(*options, release=release), "TrainJob")["metadata"]["name"]

    long = "a-release-of-the-longest-name-that-helm-takes-for-one"
    names = [name(), name(release=long), name(release=long, *["image.tag=a-very-long-tag-of-an-image"])]  # noqa: B026
    assert all(len(f"{one}-node-0-63-abcde") <= 63 for one in names)
    changed = {name("training.trainRuntime=other"), name("training.activeDeadlineSeconds=99"), *names}
    assert len(changed) == 5


def test_budgets_only_where_two_pods_are_sure_and_may_go_to_other_nodes(render):
    def budgets(*settings):
        objects = render("--set", ",".join(settings)) if settings else render()
        return {one["metadata"]["name"] for one in objects if one["kind"] == "PodDisruptionBudget"}

    several = ("artifacts.accessMode=ReadWriteMany", "artifacts.singleNode=false")
    assert budgets() == budgets(*several) == set()
    assert budgets(*several, "reranker.autoscaling.minReplicas=2") == {"films-marquee-reranker"}
    fixed = ("retrieval.autoscaling.enabled=false", "retrieval.replicas=2")
    assert budgets(*several, *fixed) == {"films-marquee-retrieval"}
    # A drain could never end: the replacement waits until the last pod has left the node.
    assert budgets("reranker.autoscaling.minReplicas=2", *fixed) == set()


def test_one_node_for_one_volume(render, pods):
    for _, metadata, spec in pods(render("--set", "reranker.affinity.nodeAffinity.x=y")):
        (term,) = spec["affinity"]["podAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
        assert term["topologyKey"] == "kubernetes.io/hostname"
        assert term["labelSelector"]["matchLabels"].items() <= metadata["labels"].items()
    several = ("--set", "artifacts.accessMode=ReadWriteMany,artifacts.singleNode=false")
    assert all("podAffinity" not in spec.get("affinity", {}) for _, _, spec in pods(render(*several)))


def test_settings_become_variables(render, find):
    given = {"maxInflight": 1000000, "queueSeconds": 0.5, "corsOrigins": ["https://a"], "logFormat": "json"}
    deployment = find(render("--set-json", f"reranker.settings={json.dumps(given)}"), "Deployment", "-reranker")
    variables = {one["name"]: one["value"] for one in deployment["spec"]["template"]["spec"]["containers"][0]["env"]}
    assert variables["MARQUEE_MAX_INFLIGHT"] == "1000000"
    assert variables["MARQUEE_QUEUE_SECONDS"] == "0.5"
    assert variables["MARQUEE_CORS_ORIGINS"] == '["https://a"]'
    assert variables["MARQUEE_LOG_FORMAT"] == "json"


def test_old_kubelets_sleep_by_a_program(render, find):
    deployment = find(render("--kube-version", "1.29.4"), "Deployment", "-reranker")
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    assert container["lifecycle"]["preStop"] == {"exec": {"command": ["sleep", "5"]}}


def test_a_fixed_inference_service_leaves_the_number_to_kserve(render, find):
    objects = render(*KSERVE, "--set", "retrieval.autoscaling.enabled=false,retrieval.replicas=3")
    service = find(objects, "InferenceService")
    assert service["metadata"]["annotations"]["serving.kserve.io/autoscalerClass"] == "none"
    assert service["spec"]["predictor"]["minReplicas"] == 3
    assert not [
        one for one in objects if one["kind"] == "HorizontalPodAutoscaler" and "retrieval" in one["metadata"]["name"]
    ]


def test_posters_need_a_secret_and_a_way_out(render, find):
    def environment(objects):
        (container,) = find(objects, "Deployment", "-reranker")["spec"]["template"]["spec"]["containers"]
        return {one["name"]: one for one in container["env"]}

    def egress(objects):
        return find(objects, "NetworkPolicy", "-reranker")["spec"]["egress"]

    https = {"ports": [{"port": 443, "protocol": "TCP"}]}
    without = render()
    assert "MARQUEE_TMDB_KEY" not in environment(without)
    assert https not in egress(without)
    given = "ui.tmdb.existingSecret=films,ui.tmdb.key=api-key"
    with_key = render("--set", given)
    reference = {"secretKeyRef": {"name": "films", "key": "api-key"}}
    assert environment(with_key)["MARQUEE_TMDB_KEY"] == {"name": "MARQUEE_TMDB_KEY", "valueFrom": reference}
    assert https in egress(with_key)
    assert {} not in egress(with_key)
    # Through a mirror of one's own, on whatever port.
    assert {} in egress(render("--set", f"{given},reranker.settings.tmdbUrl=http://tmdb.example:8080"))


def test_operators_see_nothing_unless_the_values_say_so(render, find):
    def variables(*options):
        deployment = find(render(*options, release="films", namespace="cinema"), "Deployment", "-reranker")
        return {one["name"]: one.get("value") for one in deployment["spec"]["template"]["spec"]["containers"][0]["env"]}

    assert "MARQUEE_OPERATOR" not in variables()
    assert variables("--set", "reranker.settings.operator=true")["MARQUEE_OPERATOR"] == "true"
    command = "kubectl -n cinema create job --from=cronjob/films-marquee-rollback back-1"
    assert variables()["MARQUEE_ROLLBACK"] == command
    find(render(), "CronJob", "films-marquee-rollback")
