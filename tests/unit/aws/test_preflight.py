"""What is checked before a deployment; AWS's answers come from botocore's own stubber."""

import boto3
import pytest
from botocore.stub import Stubber

from aws.preflight import check_endpoint, preflight
from marquee.errors import MarqueeError

from .test_templates import RESOURCES

ACCOUNT, REPOSITORY = "123456789012", "123456789012.dkr.ecr.us-east-1.amazonaws.com/marquee-sagemaker-test"
IMAGE = f"{REPOSITORY}@sha256:{'0' * 64}"
DOCKER = "application/vnd.docker.distribution.manifest.v2+json"
WANTED = {
    "Stage": "test",
    "ImageUri": IMAGE,
    "EndpointMode": "serverless",
    "ServerlessMemory": "3072",
    "InstanceType": "ml.c7i.large",
    "InstanceCount": "2",
    "InstanceMaximum": "4",
    "ReservedConcurrency": "0",
    "ProvisionedConcurrency": "0",
    "ServerlessConcurrency": "10",
    "ServerlessProvisionedConcurrency": "0",
    "SagemakerSeconds": "1.8",
    "FunctionTimeout": "10",
    "CorsOrigins": "https://films.example.org",
    "RootPath": "",
}
INSTANCES = {**WANTED, "EndpointMode": "instance"}


class Session:
    """boto3's, whose services answer as prepared: service -> (operation, answer); None is an error."""

    region_name = "us-east-1"

    def __init__(self, kind=DOCKER, **services):
        image = {"imageDetails": [{"imageManifestMediaType": kind}]} if kind else None
        self._services = {"ecr": ("describe_images", image), **services}

    def client(self, service):
        client = boto3.client(service, region_name=self.region_name)
        operation, answer = self._services[service]
        stubber = Stubber(client)
        if answer is None:
            stubber.add_client_error(operation, "NotFoundException")
        else:
            stubber.add_response(operation, answer)
        stubber.activate()
        return client


def quota(value):
    named = {"QuotaName": "ml.c7i.large for endpoint usage", "Value": value}
    return {"service-quotas": ("list_service_quotas", {"Quotas": [named]})}


def concurrency(free):
    return {"lambda": ("get_account_settings", {"AccountLimit": {"UnreservedConcurrentExecutions": free}})}


def notes(session=None, deployed=(), model_bytes=10**6, **wanted):
    return list(preflight(session or Session(), ACCOUNT, dict(deployed), {**WANTED, **wanted}, model_bytes))


def refused(*arguments, **wanted):
    with pytest.raises(MarqueeError) as caught:
        notes(*arguments, **wanted)
    assert caught.value.fix
    return caught.value.message


def test_what_passes():
    assert notes() == [f"image marquee-sagemaker-test@sha256:{'0' * 12} is there"]


@pytest.mark.parametrize(
    ("image", "complaint"),
    [
        ("", "names no image by digest"),
        (f"{REPOSITORY}:latest", "names no image by digest"),
        (f"registry.example.com/x/y@sha256:{'0' * 64}", "in another registry"),
        (IMAGE.replace("us-east-1", "us-west-2"), "in another registry"),
    ],
)
def test_images(image, complaint):
    assert complaint in refused(ImageUri=image)


@pytest.mark.parametrize("kind", ["vnd.oci.image.index.v1+json", "vnd.oci.image.manifest.v1+json"])
def test_manifests_that_sagemaker_refuses(kind):
    assert "SageMaker takes Docker's alone" in refused(Session(f"application/{kind}"))


def test_an_image_that_was_not_pushed():
    assert "no image" in refused(Session(None))


def test_a_model_that_is_too_large_for_the_memory():
    assert "too large for ServerlessMemory" in refused(None, (), 2 * 1024**3)
    assert notes(None, (), 2 * 1024**3, ServerlessMemory="6144")


def test_an_endpoint_changes_neither_mode_nor_type_of_instance():
    assert "is serverless and SageMaker can't make it instance" in refused(None, WANTED, EndpointMode="instance")
    other = {**INSTANCES, "InstanceType": "ml.m5.large"}
    check_endpoint(other, other)
    check_endpoint({}, other)
    with pytest.raises(MarqueeError, match=r"ml.m5.large, and SageMaker can't make them ml.c7i.large") as caught:
        check_endpoint(other, INSTANCES)
    assert "another STAGE" in caught.value.fix


@pytest.mark.parametrize(
    ("value", "deployed", "complaint"),
    [
        (0.0, {}, "endpoint usage is 0, and 2 are"),
        (1.0, {}, "is 1, and 2 are"),
        (2.0, {}, None),
        (3.0, INSTANCES, "is 3, and 4 are wanted"),  # an update needs room for two fleets
        (4.0, INSTANCES, None),
    ],
)
def test_quotas_of_instances(value, deployed, complaint):
    session = Session(**quota(value))
    if complaint:
        assert complaint in refused(session, deployed, EndpointMode="instance")
    else:
        assert "scaled out, a deployment needs 8" in notes(session, deployed, EndpointMode="instance")[-1]


def test_quotas_that_are_not_readable():
    session = Session(**{"service-quotas": ("list_service_quotas", None)})
    assert "quotas are not readable: ClientError" in notes(session, EndpointMode="instance")


def test_more_instances_than_the_maximum():
    assert "InstanceMaximum is 4" in refused(EndpointMode="instance", InstanceCount="6")


def test_reserved_concurrency():
    assert "can't reserve 20" in refused(Session(**concurrency(110)), ReservedConcurrency="20")
    assert notes(Session(**concurrency(110)), ReservedConcurrency="10")
    # What is reserved already is free for the function.
    deployed = {**WANTED, "ReservedConcurrency": "20"}
    assert notes(Session(**concurrency(100)), deployed, ReservedConcurrency="20")
    assert "can't reserve 21" in refused(Session(**concurrency(100)), deployed, ReservedConcurrency="21")


@pytest.mark.parametrize(("n_origins", "fits"), [(32, True), (60, True), (80, False), (100, False)])
def test_origins_that_the_functions_environment_has_no_room_for(n_origins, fits):
    origins = [f"https://department-{number:03}.films.example.org" for number in range(n_origins)]
    wanted = {"CorsOrigins": ",".join(origins)}
    if fits:
        assert notes(**wanted)
    else:
        assert f"CORS_ORIGINS has {len(wanted['CorsOrigins'])} bytes" in refused(**wanted)


def test_what_is_reckoned_for_the_environment_is_enough():
    """The template's variables, at their longest."""
    variables = RESOURCES["Function"]["Properties"]["Environment"]["Variables"]
    longest = sum(len(name) + 40 for name in variables)
    assert longest < 700


def test_other_values_that_are_too_long_or_contradict_each_other():
    assert "AlarmEmail has more than" in refused(AlarmEmail="x" * 4097)
    assert "the endpoint may take 12 s, the function 10" in refused(SagemakerSeconds="12")
    assert notes(SagemakerSeconds="12", FunctionTimeout="29")
    more = refused(ServerlessProvisionedConcurrency="11")
    assert "ServerlessProvisionedConcurrency is 11, more than ServerlessConcurrency, 10" in more
    session = Session(**concurrency(200))
    assert "ProvisionedConcurrency is 6" in refused(session, ReservedConcurrency="5", ProvisionedConcurrency="6")
    assert notes(ProvisionedConcurrency="6")
