"""Models in a bucket, the gateway, the choice of the model, canaries and shadow."""

import pytest

KSERVE = ("-a", "serving.kserve.io/v1beta1")
BUCKET = "artifacts.store=object,artifacts.url=s3://films/models"
GATEWAY = "artifacts.store=object,artifacts.gateway.enabled=true"
VERSION = "2026-01-31T12-00-00Z-0123abcd"


def environment(spec):
    return {one["name"]: one.get("value", one.get("valueFrom")) for one in spec["containers"][0].get("env", [])}


def servers(objects, pods):
    """Variables by component, of what serves."""
    return {
        metadata["labels"]["app.kubernetes.io/component"]: environment(spec)
        for owner, metadata, spec in pods(objects)
        if owner.split()[0] in {"Deployment", "InferenceService"}
    }


@pytest.mark.parametrize("apis", [(), KSERVE])
def test_credentials_of_a_bucket_reach_all_that_use_it_and_nothing_else(render, pods, apis):
    more = "artifacts.existingSecret=keys,artifacts.env[0].name=AWS_REGION,artifacts.env[0].value=eu-west-1"
    objects = render(*apis, "--set", f"{BUCKET},{more},retrieval.extraEnvFrom[0].secretRef.name=own")
    assert not [one for one in objects if one["kind"] in {"PersistentVolumeClaim", "Secret"}]
    seen = set()
    for name, metadata, spec in pods(objects):
        component = metadata["labels"]["app.kubernetes.io/component"]
        sources = [one["secretRef"]["name"] for one in spec["containers"][0].get("envFrom", [])]
        if component == "test" and not name.endswith("-fallback"):
            assert sources == [], name
            continue
        assert sources == ["keys", *["own"] * (component == "retrieval")], name
        assert environment(spec)["AWS_REGION"] == "eu-west-1", name
        seen.add(component)
    assert seen == {"training", "rollback", "retrieval", "reranker", "test"}


def test_many_nodes_without_single_node_being_said(render):
    both = "retrieval.autoscaling.minReplicas=2,reranker.autoscaling.minReplicas=2"
    objects = render("--set", f"{BUCKET},{both}")
    budgets = {one["metadata"]["name"] for one in objects if one["kind"] == "PodDisruptionBudget"}
    assert budgets == {"films-marquee-reranker", "films-marquee-retrieval"}


def test_kserve_fetches_nothing_and_sees_no_multi_model_server(render, find):
    """Storage without a path: KServe takes no model with storage for multi-model, and fetches only from a path."""
    objects = render(*KSERVE, "--set", BUCKET)
    model = find(objects, "InferenceService")["spec"]["predictor"]["model"]
    assert model["storage"] == {}
    assert "storageUri" not in model
    (container,) = find(objects, "ServingRuntime")["spec"]["containers"]
    assert {one["name"] for one in container["env"]} == {"MARQUEE_ARTIFACTS", "MARQUEE_CACHE_DIR"}


def test_the_way_to_a_bucket(render, find):
    def rules(settings):
        return find(render("--set", settings), "NetworkPolicy", "-retrieval")["spec"]["egress"]

    https = {"ports": [{"port": 443, "protocol": "TCP"}]}
    with_role, with_keys = rules(BUCKET), rules(f"{BUCKET},artifacts.existingSecret=keys")
    assert https in with_role
    assert https in with_keys
    # The identity comes from the metadata server.
    assert len(with_role) == len(with_keys) + 1
    own = rules(f"{BUCKET},artifacts.egress[0].ports[0].port=9000")
    assert {"ports": [{"port": 9000}]} in own
    assert https not in own
    assert find(render(), "NetworkPolicy", "-retrieval")["spec"]["egress"] == []
    trained = render("--set", f"{BUCKET},training.data.existingClaim=movielens")
    training = find(trained, "NetworkPolicy", "-training")["spec"]["egress"]
    assert https in training
    assert {} not in training


def test_the_gateway_keeps_buckets_on_one_claim_that_outlives_the_release(render, find, pods):
    objects = render("--set", f"{GATEWAY},artifacts.size=9Gi,artifacts.accessMode=ReadWriteMany")
    claim = find(objects, "PersistentVolumeClaim")
    assert claim["metadata"]["annotations"] == {"helm.sh/resource-policy": "keep"}
    assert claim["spec"] == {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "9Gi"}}}
    spec = find(objects, "Deployment", "-gateway")["spec"]["template"]["spec"]
    (volume,) = spec["volumes"]
    assert volume["persistentVolumeClaim"]["claimName"] == claim["metadata"]["name"]
    assert spec["initContainers"][0]["command"] == ["mkdir", "-p", "/store/meta", "/store/data/marquee"]
    service = find(objects, "Service", "-gateway")
    # Without a cluster to look it up, each rendering would make other keys.
    assert not [one for one in objects if one["kind"] == "Secret"]
    keys = {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"}
    assert {one["secretKeyRef"]["key"] for one in environment(spec).values()} == keys
    for component, env in servers(objects, pods).items():
        if component == "gateway":
            continue
        assert env["MARQUEE_ARTIFACTS"] == "s3://marquee/models"
        port = service["spec"]["ports"][0]["port"]
        assert env["AWS_ENDPOINT"] == f"http://{service['metadata']['name']}:{port}"
        assert all(env[key] == {"secretKeyRef": {"name": "films-marquee-gateway", "key": key}} for key in keys)
    policy = find(objects, "NetworkPolicy", "-gateway")["spec"]
    (rule,) = policy["ingress"]
    (source,) = rule["from"]
    users = [metadata["labels"] for _, metadata, _ in pods(objects)]
    assert all(source["podSelector"]["matchLabels"].items() <= labels.items() for labels in users)


def test_the_gateways_own_bucket_secret_and_image(render, find):
    settings = f"{GATEWAY},artifacts.url=s3://films/models,artifacts.existingSecret=keys,image.registry=example.com"
    objects = render(
        "--set", f"{settings},artifacts.gateway.image.repository=marquee-gateway,artifacts.gateway.image.tag=dev"
    )
    assert not [one for one in objects if one["kind"] == "Secret"]
    spec = find(objects, "Deployment", "-gateway")["spec"]["template"]["spec"]
    assert spec["containers"][0]["image"] == spec["initContainers"][0]["image"] == "marquee-gateway:dev"
    assert spec["initContainers"][0]["command"][-1] == "/store/data/films"
    assert environment(spec)["ROOT_SECRET_KEY"] == {"secretKeyRef": {"name": "keys", "key": "AWS_SECRET_ACCESS_KEY"}}


def test_a_train_job_can_use_the_bucket(render, find, refusal):
    trainjob = ("-a", "trainer.kubeflow.org/v1alpha1", "--set")
    objects = render(*trainjob, f"{GATEWAY},training.backend=trainjob")
    trainer = find(objects, "TrainJob")["spec"]["trainer"]
    assert {"MARQUEE_ARTIFACTS", "MARQUEE_CACHE_DIR", "AWS_SECRET_ACCESS_KEY"} <= {
        one["name"] for one in trainer["env"]
    }
    assert all(f'"{name}"' in trainer["command"][-1] for name in ("MARQUEE_ARTIFACTS", "MARQUEE_CACHE_DIR"))
    assert "name its keys in artifacts.env" in refusal(
        *trainjob, f"{BUCKET},training.backend=trainjob,artifacts.existingSecret=keys"
    )


@pytest.mark.parametrize("apis", [(), KSERVE])
@pytest.mark.parametrize(
    ("settings", "model"),
    [("model.channel=current", None), ("model.channel=staging", "staging"), (f"model.version={VERSION}", VERSION)],
)
def test_servers_load_the_model_that_is_declared(render, pods, apis, settings, model):
    env = servers(render(*apis, "--set", settings), pods)
    assert {one.get("MARQUEE_MODEL") for one in env.values()} == {model}


def test_channels_of_training_and_rollback(render, find):
    objects = render("--set", "model.channel=tested,training.channel=staging")
    assert "--channel=staging" in find(objects, "Job")["spec"]["template"]["spec"]["containers"][0]["args"]
    rollback = find(objects, "CronJob", "-rollback")["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    assert rollback["containers"][0]["args"] == ["rollback", "--store=/artifacts", "--channel=tested"]


@pytest.mark.parametrize("apis", [(), KSERVE])
def test_a_canary_is_another_image_and_model_and_the_reranker_gives_it_its_share(render, find, pods, apis):
    canary = "retrieval.canary.enabled=true,retrieval.canary.percent=7,retrieval.canary.image.tag=v2"
    objects = render(*apis, "--set", f"{canary},retrieval.canary.model=staging,model.version={VERSION}")
    env = servers(objects, pods)
    assert env["retrieval-canary"]["MARQUEE_MODEL"] == "staging"
    assert env["retrieval"]["MARQUEE_MODEL"] == VERSION
    assert env["reranker"]["MARQUEE_RETRIEVAL_CANARY_URL"] == "http://films-marquee-retrieval-canary-predictor"
    assert env["reranker"]["MARQUEE_RETRIEVAL_CANARY_SHARE"] == "0.07"
    images = {
        metadata["labels"]["app.kubernetes.io/component"]: spec["containers"][0]["image"]
        for owner, metadata, spec in pods(objects)
        if owner.split()[0] in {"Deployment", "InferenceService"}
    }
    assert images["retrieval-canary"] == "marquee-retrieval:v2"
    assert images["retrieval"] == "marquee-retrieval:0.1.0"
    if apis:
        (canary,) = find(objects, "InferenceService")["spec"]["canary"]
        assert (canary["trafficPercent"], canary["predictor"]["name"]) == (7, "canary")
        assert not {"maxReplicas", "scaleTarget", "scaleMetric", "autoScaling"} & canary["predictor"].keys()  # refused
    else:
        find(objects, "Service", "-retrieval-canary-predictor")
        find(objects, "Deployment", "-retrieval-canary-predictor")


def test_without_a_canary_nothing_of_it(render):
    assert "canary" not in str(render())
    assert "canary" not in str(render(*KSERVE))


def test_a_canarys_digest_is_its_own(render, find):
    digest = "sha256:" + "a" * 64
    settings = f"retrieval.image.digest={digest},retrieval.canary.enabled=true"

    def image(more):
        spec = find(render("--set", f"{settings},{more}"), "Deployment", "-canary-predictor")["spec"]["template"][
            "spec"
        ]
        return spec["containers"][0]["image"]

    assert image("retrieval.canary.image.tag=v2") == "marquee-retrieval:v2"
    assert image("retrieval.canary.image.repository=other") == f"other@{digest}"
    assert image("retrieval.canary.model=staging") == f"marquee-retrieval@{digest}"


@pytest.mark.parametrize(
    ("more", "replicas"), [("", 1), ("retrieval.autoscaling.minReplicas=3", 2), ("retrieval.canary.replicas=3", 3)]
)
def test_how_many_pods_a_canary_has(render, find, more, replicas):
    settings = "retrieval.canary.enabled=true,retrieval.canary.percent=40,retrieval.canary.model=staging"
    deployment = find(render("--set", f"{settings},{more}".strip(",")), "Deployment", "-canary-predictor")
    assert deployment["spec"]["replicas"] == replicas


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ("retrieval.canary.replicas=2", "is more than the other server's least number (1), which KServe refuses"),
        ("retrieval.kserve.deploymentMode=RawDeployment", "needs KServe 0.20"),
    ],
)
def test_what_kserve_would_refuse_of_a_canary(refusal, more, says):
    canary = "retrieval.canary.enabled=true,retrieval.canary.model=staging"
    assert says in refusal(*KSERVE, "--set", f"{canary},{more}")


def test_shadow_only_where_it_is_said(render, pods):
    without, shadowed = (
        servers(render(*options), pods)["reranker"] for options in ((), ("--set", "reranker.shadow.model=staging"))
    )
    assert "MARQUEE_SHADOW_MODEL" not in without
    assert (shadowed["MARQUEE_SHADOW_MODEL"], shadowed["MARQUEE_SHADOW_SHARE"]) == ("staging", "0.1")


def test_items_are_followed_by_the_reranker_which_writes_only_with_a_token(render, pods):
    def reranker(*options):
        (spec,) = [spec for owner, _, spec in pods(render(*options)) if owner.endswith("-reranker")]
        (container,) = spec["containers"]
        (mount,) = [one for one in container["volumeMounts"] if one["name"] == "artifacts"]
        return {one["name"]: one for one in container["env"]}, mount.get("readOnly", False)

    env, read_only = reranker()
    assert not {"MARQUEE_ITEMS_SECONDS", "MARQUEE_ITEMS_TOKEN"} & env.keys()
    assert read_only
    env, read_only = reranker("--set", "reranker.items.seconds=0.5")
    assert (env["MARQUEE_ITEMS_SECONDS"]["value"], read_only) == ("0.5", True)
    env, read_only = reranker("--set", "reranker.items.seconds=0.5,reranker.items.existingSecret=keys")
    assert env["MARQUEE_ITEMS_TOKEN"]["valueFrom"]["secretKeyRef"] == {"name": "keys", "key": "items-token"}
    assert not read_only


def test_a_route_gives_another_release_its_weight(render, find):
    route = "reranker.httpRoute.enabled=true,reranker.httpRoute.parentRefs[0].name=public"
    apis = ("-a", "gateway.networking.k8s.io/v1", "--set")
    (rule,) = find(render(*apis, route), "HTTPRoute")["spec"]["rules"]
    assert rule["backendRefs"] == [{"name": "films-marquee-reranker", "port": 80}]
    other = "reranker.httpRoute.backends[0].service=next-reranker,reranker.httpRoute.backends[0].weight=10"
    (rule,) = find(render(*apis, f"{route},{other},reranker.httpRoute.weight=90"), "HTTPRoute")["spec"]["rules"]
    assert rule["backendRefs"] == [
        {"name": "films-marquee-reranker", "port": 80, "weight": 90},
        {"name": "next-reranker", "port": 80, "weight": 10},
    ]
