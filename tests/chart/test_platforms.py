"""What particular places need: OpenShift, S3, umbrella charts, shared claims, proxies, odd names."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.programs import skip_without

VALUES = Path(__file__).parents[2] / "k8s" / "values"
KSERVE = ("-a", "serving.kserve.io/v1beta1")
TRAINER = ("-a", "trainer.kubeflow.org/v1alpha1")


def containers(spec):
    return [*spec.get("initContainers", []), *spec["containers"]]


@pytest.mark.parametrize("apis", [(), KSERVE])
def test_openshift_chooses_the_user(render, pods, apis):
    for name, _, spec in pods(render(*apis, "-f", str(VALUES / "openshift.yaml"))):
        assert not {"runAsUser", "runAsGroup", "fsGroup"} & spec["securityContext"].keys(), name
        assert spec["securityContext"]["runAsNonRoot"] is True


def test_dns_answers_on_openshift_too(render):
    for policy in (one for one in render("--set", "training.data.existingClaim=a") if one["kind"] == "NetworkPolicy"):
        if not policy["spec"]["egress"]:
            continue
        found = {(port["port"], port["protocol"]) for port in policy["spec"]["egress"][0]["ports"]}
        assert found == {(port, protocol) for port in (53, 5353) for protocol in ("UDP", "TCP")}


def test_ratings_out_of_s3_by_a_signed_url(render, find):
    pod = find(render("-f", str(VALUES / "s3.yaml")), "Job")["spec"]["template"]["spec"]
    (fetch,) = pod["initContainers"]
    assert fetch["env"][0]["valueFrom"] == {"secretKeyRef": {"name": "ratings", "key": "url"}}


def test_ratings_out_of_s3_by_a_role(render, find, pods, tmp_path):
    """The part of s3.yaml that is commented out, as one would use it."""
    lines = (VALUES / "s3.yaml").read_text("utf-8").partition("\n# ---")[2].splitlines()
    other = tmp_path / "other.yaml"
    other.write_text("\n".join(line.removeprefix("# ") for line in lines[1:] if not line.startswith("# ---")))
    assert yaml.safe_load(other.read_text("utf-8")).keys() == {"serviceAccount", "training"}
    objects = render("-f", str(VALUES / "s3.yaml"), "-f", str(other))
    assert "eks.amazonaws.com/role-arn" in find(objects, "ServiceAccount")["metadata"]["annotations"]
    pod = find(objects, "Job")["spec"]["template"]["spec"]
    assert [one["name"] for one in pod["initContainers"]] == ["s3"]
    assert {"name": "MARQUEE_DATA_DIR", "value": "/data"} in pod["containers"][0]["env"]
    data = next(volume for volume in pod["volumes"] if volume["name"] == "data")
    assert "emptyDir" in data
    for container in containers(pod):
        assert any(mount["name"] == "data" for mount in container["volumeMounts"])
        assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    # It calls AWS.
    assert {} in find(objects, "NetworkPolicy", "-training")["spec"]["egress"]


def test_fetching_knows_the_proxy_and_the_certificates(render, find, tmp_path):
    values = tmp_path / "values.yaml"
    values.write_text(
        """training:
  data: {url: https://example.com/ml.zip}
  extraEnv: [{name: HTTPS_PROXY, value: "http://proxy:3128"}]
  extraEnvFrom: [{secretRef: {name: bucket}}]
  extraVolumes: [{name: ca, configMap: {name: ca}}]
  extraVolumeMounts: [{name: ca, mountPath: /ca, readOnly: true}]
  extraInitContainers: [{name: own, image: example.com/own}]
"""
    )
    pod = find(render("-f", str(values)), "Job")["spec"]["template"]["spec"]
    assert [one["name"] for one in pod["initContainers"]] == ["fetch-data", "own"]
    for container in (pod["initContainers"][0], pod["containers"][0]):
        assert {"name": "HTTPS_PROXY", "value": "http://proxy:3128"} in container["env"]
        assert container["envFrom"] == [{"secretRef": {"name": "bucket"}}]
        assert {"name": "ca", "mountPath": "/ca", "readOnly": True} in container["volumeMounts"]
    assert {"name": "ca", "configMap": {"name": "ca"}} in pod["volumes"]


@pytest.mark.parametrize("apis", [(), KSERVE])
@pytest.mark.parametrize(("component", "name"), [("reranker", "-reranker"), ("retrieval", "-retrieval")])
def test_servers_take_volumes_and_variables(render, pods, tmp_path, apis, component, name):
    values = tmp_path / "values.yaml"
    values.write_text(
        f"""{component}:
  extraEnvFrom: [{{configMapRef: {{name: more}}}}]
  extraVolumes: [{{name: ca, secret: {{secretName: ca}}}}]
  extraVolumeMounts: [{{name: ca, mountPath: /ca}}]
"""
    )
    (spec,) = [
        spec
        for owner, _, spec in pods(render(*apis, "-f", str(values)))
        if owner.split()[0] in {"Deployment", "InferenceService"} and owner.removesuffix("-predictor").endswith(name)
    ]
    (container,) = spec["containers"]
    assert container["envFrom"] == [{"configMapRef": {"name": "more"}}]
    assert {"name": "ca", "mountPath": "/ca"} in container["volumeMounts"]
    assert {"name": "ca", "secret": {"secretName": "ca"}} in spec["volumes"]


@pytest.mark.parametrize("apis", [(), KSERVE])
def test_releases_share_a_claim_by_folders(render, pods, apis):
    objects = render(*apis, "--set", "artifacts.existingClaim=all,artifacts.subPath=two/films")
    users = 0
    for name, _, spec in pods(objects):
        for container in containers(spec):
            words = [str(word) for word in (*container.get("command", []), *container.get("args", []))]
            words += [str(variable.get("value")) for variable in container.get("env", [])]
            stores = [
                found for word in words for found in re.findall(r"^(?:--store=)?(/(?:artifacts|mnt/models).*)$", word)
            ]
            assert set(stores) <= {"/artifacts/two/films", "/mnt/models/two/films"}, (name, container["name"])
            users += bool(stores)
    assert users >= 6


def test_an_umbrella_charts_registry_and_secrets(render, pods):
    settings = (
        "global.imageRegistry=mirror.example.com,image.registry=example.com/films,global.other=x",
        "global.imagePullSecrets[0]=regcred,global.imagePullSecrets[1].name=second,image.pullSecrets[0].name=regcred",
    )
    for name, _, spec in pods(render("--set", ",".join(settings))):
        assert spec["imagePullSecrets"] == [{"name": "regcred"}, {"name": "second"}], name
        assert all(one["image"].startswith("mirror.example.com/marquee-") for one in containers(spec)), name


def test_a_load_balancer(render, find):
    settings = (
        "type=LoadBalancer,nodePort=30080,loadBalancerClass=example.com/lb,loadBalancerSourceRanges={203.0.113.0/24}"
    )
    options = ",".join(f"reranker.service.{one}" for one in settings.split(","))
    spec = find(render("--set", options), "Service", "-reranker")["spec"]
    assert spec["loadBalancerClass"] == "example.com/lb"
    assert spec["loadBalancerSourceRanges"] == ["203.0.113.0/24"]
    assert spec["ports"][0]["nodePort"] == 30080


def strings(value, path=""):
    """Every value where the API wants text."""
    if isinstance(value, dict):
        for key, below in value.items():
            yield from strings(below, f"{path}.{key}")
    elif isinstance(value, list):
        for below in value:
            yield from strings(below, path)
    elif re.search(
        r"(labels|matchLabels|selector|annotations)\.|(name|namespace|claimName|Name|subPath|timeZone)$", path
    ):
        yield path, value


@pytest.mark.parametrize("apis", [(), KSERVE, (*TRAINER, "--set", "training.backend=trainjob")])
def test_what_looks_like_a_number_stays_text(render, apis):
    values = {
        "artifacts.existingClaim": 1,
        "training.data.existingClaim": 2,
        "training.data.subPath": 1999,
        "retrieval.priorityClassName": 3,
        "reranker.priorityClassName": 4,
        "serviceAccount.name": 5,
        "reranker.ingress.className": 6,
        "reranker.ingress.tlsSecret": 7,
        "training.runId": 8,
        "commonLabels.year": 1999,
        "nameOverride": 9,
    }
    text = ",".join(f"{key}={value}" for key, value in values.items())
    more = ("--set", "reranker.ingress.enabled=true,reranker.ingress.hosts={films.example.com}")
    objects = render(*apis, "--set-string", text, *more, release="42", namespace="7")
    found = [one for each in objects for one in strings(each)]
    assert len(found) > 100
    assert [(path, value) for path, value in found if not isinstance(value, str)] == []
    # A Service's name has to begin with a letter.
    assert all(one["metadata"]["name"][0] == "m" for one in objects if one["kind"] == "Service")


def test_large_numbers_are_written_out(render, find, tmp_path):
    """Out of a file they are floating point to helm, which would write 2.592e+06."""
    values = tmp_path / "values.yaml"
    values.write_text(
        """training: {activeDeadlineSeconds: 2592000, ttlSecondsAfterFinished: 31536000, backoffLimit: 1000000}
retrieval: {progressDeadlineSeconds: 3000000}
podSecurityContext: {runAsUser: 1000680000}
"""
    )
    objects = render("-f", str(values))
    # Read back they would be 2592000.0.
    assert not re.findall(r"(?m): \d+\.0$", yaml.safe_dump(objects))
    assert find(objects, "Deployment", "-predictor")["spec"]["progressDeadlineSeconds"] == 3000000
    spec = find(objects, "Job")["spec"]
    numbers = (spec["activeDeadlineSeconds"], spec["ttlSecondsAfterFinished"], spec["backoffLimit"])
    assert numbers == (2592000, 31536000, 1000000)
    assert spec["template"]["spec"]["securityContext"]["runAsUser"] == 1000680000
    assert find(objects, "Deployment", "-reranker")["spec"]["progressDeadlineSeconds"] == 2592600


def test_a_job_may_vanish_at_once(render, find):
    assert find(render("--set", "training.ttlSecondsAfterFinished=0"), "Job")["spec"]["ttlSecondsAfterFinished"] == 0


def test_how_long_a_rollout_may_take_can_be_said(render, find):
    settings = "reranker.progressDeadlineSeconds=700,retrieval.progressDeadlineSeconds=800"
    objects = render("--set", settings)
    assert find(objects, "Deployment", "-reranker")["spec"]["progressDeadlineSeconds"] == 700
    assert find(objects, "Deployment", "-predictor")["spec"]["progressDeadlineSeconds"] == 800
    untrained = find(render("--set", "training.enabled=false"), "Deployment", "-reranker")
    assert untrained["spec"]["progressDeadlineSeconds"] == 600


def test_two_long_names_stay_two(render):
    def names(end):
        objects = render("--set", f"fullnameOverride={'films-of-the-nineteen-nineties-and-' + end}")
        return {(one["kind"], one["metadata"]["name"]) for one in objects}

    assert not names("before") & names("after")
    assert max(len(name) for kind, name in names("before") if kind == "Job") + len("-63") <= 63


def test_tests_can_be_read_afterwards(render):
    (policy,) = {
        one["metadata"]["annotations"]["helm.sh/hook-delete-policy"] for one in render() if one["kind"] == "Pod"
    }
    assert policy == "before-hook-creation"


def test_the_copy_of_models_names_what_the_chart_makes(render, find):
    claim, job = yaml.safe_load_all((VALUES.parent / "copy-models.yaml").read_text("utf-8"))
    old, new = job["spec"]["template"]["spec"]["volumes"]
    objects = render(release="marquee", namespace="marquee")
    assert find(objects, "PersistentVolumeClaim")["metadata"]["name"] == old["persistentVolumeClaim"]["claimName"]
    assert claim["metadata"]["name"] == new["persistentVolumeClaim"]["claimName"]
    (term,) = job["spec"]["template"]["spec"]["affinity"]["podAffinity"][
        "requiredDuringSchedulingIgnoredDuringExecution"
    ]
    labels = find(objects, "Deployment", "-reranker")["spec"]["template"]["metadata"]["labels"]
    assert term["labelSelector"]["matchLabels"].items() <= labels.items()
    # The same user, or the copies can't be read.
    mine = find(objects, "Job")["spec"]["template"]["spec"]["securityContext"]
    assert job["spec"]["template"]["spec"]["securityContext"].items() <= mine.items()


def notes(*options):
    """What helm says after an install."""
    if shutil.which("helm") is None:
        skip_without("helm")
    command = ["helm", "install", "films", str(VALUES.parents[1] / "charts" / "marquee"), "--dry-run=client", *options]
    # No cluster is asked, and none that happens to be configured.
    environment = {**os.environ, "KUBECONFIG": os.devnull}
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
    return done.stdout.partition("NOTES:")[2]


def test_notes_advise_what_can_be_done():
    said = notes()
    # Two pods on one node help nobody, and a claim's mode can't be changed.
    assert "minReplicas=2" not in said
    assert "accessMode=ReadWriteMany" not in said
    assert "artifacts.singleNode=false" in said
    assert "app.kubernetes.io/component=test" in said
    several = notes("--set", "artifacts.accessMode=ReadWriteMany,artifacts.singleNode=false")
    assert "minReplicas=2" in several
