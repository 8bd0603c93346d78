"""Checks before a deployment, of errors that CloudFormation finds late or not at all."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from marquee.errors import MarqueeError

PARAMETER_BYTES = ENVIRONMENT_BYTES = 4096
# v1 and v2; a manifest list is another type. https://github.com/aws/amazon-sagemaker-feedback/issues/180
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v"


def preflight(
    session: Any, account: str, deployed: Mapping[str, str], wanted: Mapping[str, str], model_bytes: int
) -> Iterator[str]:
    """Check image, endpoint, quotas, memory and concurrency; yields notes for the user.

    `deployed` and `wanted` are the app stack's parameters before (empty for the first deployment) and after;
    `model_bytes` is the size of the unpacked model.

    Raises:
        MarqueeError: The deployment would fail.
    """
    check_endpoint(deployed, wanted)
    check_parameters(wanted)
    yield _image(session, account, wanted.get("ImageUri", ""))
    if wanted["EndpointMode"] == "instance":
        yield from _instances(session, wanted, is_update=bool(deployed))
    elif model_bytes * 2 > 1024 * 1024 * int(wanted["ServerlessMemory"]):
        raise MarqueeError("the model is too large for ServerlessMemory", fix="SERVERLESS_MEMORY=6144, or instances")
    if reserved := int(wanted["ReservedConcurrency"]):
        limits = session.client("lambda").get_account_settings()["AccountLimit"]
        # The function's own reservation counts as free. Lambda keeps 100 for all other functions.
        free = limits["UnreservedConcurrentExecutions"] + int(deployed.get("ReservedConcurrency", "0"))
        if free - reserved < 100:
            fix = "RESERVED_CONCURRENCY=0, or ask AWS for more"
            raise MarqueeError(f"the account can't reserve {reserved}", fix=fix)


def check_parameters(wanted: Mapping[str, str]) -> None:
    """Raise a MarqueeError for values that CloudFormation or a service refuses only when the stack changes."""
    # The function's environment: origins as JSON, and less than 700 bytes of other variables.
    size = 700 + len(wanted["RootPath"]) + len(json.dumps(wanted["CorsOrigins"].split(","), separators=(",", ":")))
    if size > ENVIRONMENT_BYTES:
        problem = f"CORS_ORIGINS has {len(wanted['CorsOrigins'])} bytes, too many for Lambda's {ENVIRONMENT_BYTES}"
        raise MarqueeError(problem, fix="fewer or shorter origins, or serve the pages from one domain")
    if long := next((name for name, value in wanted.items() if len(value.encode()) > PARAMETER_BYTES), None):
        raise MarqueeError(f"{long} has more than CloudFormation's {PARAMETER_BYTES} bytes", fix="a shorter value")
    if float(wanted["SagemakerSeconds"]) >= float(wanted["FunctionTimeout"]):
        problem = f"the endpoint may take {wanted['SagemakerSeconds']} s, the function {wanted['FunctionTimeout']}"
        raise MarqueeError(problem, fix="FUNCTION_TIMEOUT (at most 29) larger than SAGEMAKER_SECONDS")
    for part, whole in (
        ("ServerlessProvisionedConcurrency", "ServerlessConcurrency"),
        ("ProvisionedConcurrency", "ReservedConcurrency"),
    ):
        if int(wanted[whole]) and int(wanted[part]) > int(wanted[whole]):
            raise MarqueeError(f"{part} is {wanted[part]}, more than {whole}, {wanted[whole]}", fix="lower it")


def check_endpoint(deployed: Mapping[str, str], wanted: Mapping[str, str]) -> None:
    """Raise a MarqueeError for changes that SageMaker refuses: between serverless and instances, and of their type."""
    before, after = deployed.get("EndpointMode"), wanted["EndpointMode"]
    fix = f"another STAGE, or make aws-destroy CONFIRM=marquee-{wanted['Stage']} first, which takes the API down"
    if before and before != after:
        raise MarqueeError(f"the endpoint is {before} and SageMaker can't make it {after}", fix=fix)
    if before == "instance" and deployed["InstanceType"] != wanted["InstanceType"]:
        change = f"{deployed['InstanceType']}, and SageMaker can't make them {wanted['InstanceType']}"
        raise MarqueeError(f"the endpoint's instances are {change} while autoscaling has them registered", fix=fix)


def _instances(session: Any, wanted: Mapping[str, str], *, is_update: bool) -> Iterator[str]:
    count, maximum = int(wanted["InstanceCount"]), int(wanted["InstanceMaximum"])
    if maximum < count:
        problem = f"InstanceMaximum is {maximum}, less than InstanceCount, {count}"
        raise MarqueeError(problem, fix="INSTANCE_MAXIMUM=...")
    # A new fleet runs beside the old one until the traffic has moved. New accounts have a quota of 0.
    name, needed = f"{wanted['InstanceType']} for endpoint usage", count * 2 if is_update else count
    try:
        pages = session.client("service-quotas").get_paginator("list_service_quotas").paginate(ServiceCode="sagemaker")
        values = [one["Value"] for page in pages for one in page["Quotas"] if one["QuotaName"] == name]
    except (BotoCoreError, ClientError) as error:
        values = []
        yield f"quotas are not readable: {type(error).__name__}"
    if values and values[0] < needed:
        fix = "ask for more under Service Quotas, a smaller INSTANCE_COUNT, or serverless"
        raise MarqueeError(f"the account's quota of {name} is {values[0]:.0f}, and {needed} are wanted", fix=fix)
    yield f"quota of {name}: {values[0] if values else 'unknown'}; scaled out, a deployment needs {maximum * 2}"


def _image(session: Any, account: str, image: str) -> str:
    """SageMaker pulls from ECR of its own region, by digest, and takes no OCI manifest."""
    repository, _, digest = image.partition("@")
    host, _, name = repository.partition("/")
    if not digest.startswith("sha256:"):
        fix = "push one (docs/aws.md) and give IMAGE=REPOSITORY@sha256:..."
        raise MarqueeError(f"IMAGE={image} names no image by digest", fix=fix)
    if not host.startswith(f"{account}.dkr.ecr.{session.region_name}."):
        raise MarqueeError(f"{repository} is in another registry", fix="push it to ECR in SageMaker's own region")
    try:
        found = session.client("ecr").describe_images(repositoryName=name, imageIds=[{"imageDigest": digest}])
    except ClientError as error:
        raise MarqueeError(f"no image {image}: {error}", fix="push it first (docs/aws.md)") from None
    kind = found["imageDetails"][0].get("imageManifestMediaType", "")
    if not kind.startswith(DOCKER_MANIFEST):
        problem = f"the manifest of {image} is {kind or 'of no known type'}: SageMaker takes Docker's alone, no OCI"
        raise MarqueeError(
            f"{problem} manifest and no index", fix="build and push it as docs/aws.md says: Push the image"
        )
    return f"image {name}@{digest[:19]} is there"
