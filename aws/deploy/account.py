"""The account: who we are in it, what it allows, and whether what we want can work there. Reads only."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from aws.deploy.artifacts import Artifacts
from aws.deploy.cost import INSTANCE_TYPE
from aws.deploy.faults import LOGIN, fix_of
from aws.deploy.options import Options
from aws.deploy.states import check_state, is_fresh
from marquee.errors import MarqueeError

# v1 and v2; a manifest list is another type. https://github.com/aws/amazon-sagemaker-feedback/issues/180
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v"


@dataclass(frozen=True)
class Account:
    """A session that was tried out."""

    number: str
    region: str
    arn: str
    session: Any
    _clients: dict[str, Any] = field(default_factory=dict)

    def client(self, service: str) -> Any:
        """A client of a service in the region; made once, since that takes boto3 longer than most calls."""
        if service not in self._clients:
            self._clients[service] = self.session.client(service, region_name=self.region)
        return self._clients[service]


def connect() -> Account:
    """Try the credentials out.

    Raises:
        MarqueeError: There are none, or they don't work, or no region is set.
    """
    session = boto3.Session()
    if not session.region_name:
        raise MarqueeError("no region is set", fix="export AWS_DEFAULT_REGION=eu-central-1 (or yours)")
    try:
        caller = session.client("sts").get_caller_identity()
    except (BotoCoreError, ClientError) as error:
        raise MarqueeError(f"AWS doesn't know us: {error}", fix=LOGIN) from None
    return Account(caller["Account"], session.region_name, caller["Arn"], session)


def stack(account: Account, name: str) -> dict[str, Any] | None:
    """A stack's description; None if there is no such stack.

    Raises:
        MarqueeError: CloudFormation doesn't say.
    """
    try:
        found = account.client("cloudformation").describe_stacks(StackName=name)["Stacks"]
    except (BotoCoreError, ClientError) as error:
        if isinstance(error, ClientError) and "does not exist" in str(error):
            return None
        raise MarqueeError(f"stack {name}: {error}", fix=fix_of(error)) from None
    return dict(found[0]) if found and found[0]["StackStatus"] != "DELETE_COMPLETE" else None


def outputs(found: dict[str, Any] | None) -> dict[str, str]:
    """A stack's outputs by name."""
    return {one["OutputKey"]: one["OutputValue"] for one in (found or {}).get("Outputs", [])}


def parameters_of(found: dict[str, Any] | None) -> dict[str, str]:
    """A stack's parameters by name; none of one that is not deployed yet."""
    if found is None or is_fresh(found):
        return {}
    return {one["ParameterKey"]: one["ParameterValue"] for one in found.get("Parameters", [])}


def preflight(account: Account, options: Options, built: Artifacts) -> list[str]:
    """Notes for people about what was checked.

    Args:
        account: Where.
        options: With all that is kept of the deployed stack (`Options.on_top_of`).
        built: What would be deployed.

    Raises:
        MarqueeError: It can't work, and why.
    """
    found = stack(account, options.app_stack)
    check_change(found, options, options.parameters)
    deployed = parameters_of(found)
    notes = [_image(account, options)]
    if options.parameters.get("EndpointMode", "serverless") == "instance":
        notes += _instances(account, options.parameters, is_update=bool(deployed))
    elif built.files["model"].unpacked * 2 > 1024 * 1024 * int(options.parameters.get("ServerlessMemory", "3072")):
        raise MarqueeError("the model is too large for ServerlessMemory", fix="SERVERLESS_MEMORY=6144, or instances")
    _concurrency(account, options.parameters, deployed)
    return notes


def check_change(found: dict[str, Any] | None, options: Options, wanted: Mapping[str, str]) -> None:
    """See that the app stack can become what is wanted, from the state and the endpoint that it has.

    Raises:
        MarqueeError: It can't.
    """
    destroy = f"make aws-destroy CONFIRM={options.app_stack}"
    check_state(found, options.app_stack, destroy)
    deployed = parameters_of(found)
    before, mode = deployed.get("EndpointMode"), wanted.get("EndpointMode", "serverless")
    if before and before != mode:
        raise MarqueeError(
            f"the endpoint is {before} and SageMaker can't make it {mode}", fix=f"{destroy} first, or another STAGE"
        )
    kind = wanted.get("InstanceType", INSTANCE_TYPE)
    if before == "instance" and deployed.get("InstanceType", kind) != kind:
        raise MarqueeError(
            f"the endpoint's instances are {deployed['InstanceType']}, and SageMaker can't make them {kind} while "
            "autoscaling has them registered",
            fix=f"INSTANCE_TYPE={kind} with another STAGE; or {destroy} first, which takes the API down until it is "
            "deployed again",
        )


def _instances(account: Account, wanted: Mapping[str, str], *, is_update: bool) -> list[str]:
    kind = wanted.get("InstanceType", INSTANCE_TYPE)
    count, maximum = int(wanted.get("InstanceCount", "2")), int(wanted.get("InstanceMaximum", "4"))
    if maximum < count:
        raise MarqueeError(
            f"InstanceMaximum is {maximum}, less than InstanceCount, {count}", fix=f"INSTANCE_MAXIMUM={count} or more"
        )
    # A new fleet runs beside the old one until the traffic has moved.
    notes = [_quota(account, f"{kind} for endpoint usage", count * 2 if is_update else count)]
    return [*notes, f"scaled out to {maximum}, a deployment needs a quota of {maximum * 2}"]


def _concurrency(account: Account, wanted: Mapping[str, str], deployed: Mapping[str, str]) -> None:
    reserved = int(wanted.get("ReservedConcurrency", "0"))
    if not reserved:
        return
    limits = account.client("lambda").get_account_settings()["AccountLimit"]
    # What the function has reserved already is free for it.
    free = limits["UnreservedConcurrentExecutions"] + int(deployed.get("ReservedConcurrency", "0"))
    if free - reserved < 100:
        raise MarqueeError(f"the account can't reserve {reserved}", fix="RESERVED_CONCURRENCY=0, or ask AWS for more")


def _image(account: Account, options: Options) -> str:
    if not options.image:
        raise MarqueeError(
            "IMAGE is not set", fix="push marquee-sagemaker (docs/aws.md) and give IMAGE=REPOSITORY@sha256:..."
        )
    repository, _, digest = options.image.partition("@")
    host, _, name = repository.partition("/")
    if not host.startswith(f"{account.number}.dkr.ecr.{account.region}."):
        raise MarqueeError(
            f"{repository} is in another registry", fix="SageMaker pulls from ECR in its own region: push it there"
        )
    try:
        found = account.client("ecr").describe_images(repositoryName=name, imageIds=[{"imageDigest": digest}])
    except ClientError as error:
        is_missing = error.response["Error"]["Code"] in {"ImageNotFoundException", "RepositoryNotFoundException"}
        fix = "push it first (docs/aws.md)" if is_missing else fix_of(error)
        raise MarqueeError(f"no image {options.image}: {error}", fix=fix) from None
    kind = found["imageDetails"][0].get("imageManifestMediaType", "")
    if not kind.startswith(DOCKER_MANIFEST):
        raise MarqueeError(
            f"the manifest of {options.image} is {kind or 'of no known type'}: SageMaker takes Docker's alone, "
            "no OCI manifest and no index",
            fix="build and push it as docs/aws.md says under Pushing the image",
        )
    return f"image {name}@{digest[:19]} is there"


def _quota(account: Account, name: str, wanted: int) -> str:
    """Best effort: quotas of endpoint instances start at 0 in new accounts."""
    try:
        pages = account.client("service-quotas").get_paginator("list_service_quotas").paginate(ServiceCode="sagemaker")
        values = [one["Value"] for page in pages for one in page["Quotas"] if one["QuotaName"] == name]
    except (BotoCoreError, ClientError) as error:
        return f"quota of {name}: not readable ({type(error).__name__})"
    if values and values[0] < wanted:
        raise MarqueeError(
            f"the account's quota of {name} is {values[0]:.0f}, and {wanted} are wanted",
            fix="ask for more under Service Quotas, a smaller INSTANCE_COUNT, or serverless",
        )
    return f"quota of {name}: {values[0] if values else 'unknown'}"
