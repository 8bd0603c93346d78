"""The account: who we are in it, what it allows, and whether what we want can work there. Reads only."""

from dataclasses import dataclass, field
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from aws.deploy.artifacts import Artifacts
from aws.deploy.options import Options
from marquee.errors import MarqueeError


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
        raise MarqueeError(f"AWS doesn't know us: {error}", fix="aws sso login, or set AWS_PROFILE") from None
    return Account(caller["Account"], session.region_name, caller["Arn"], session)


def stack(account: Account, name: str) -> dict[str, Any] | None:
    """A stack's description; None if there is no such stack."""
    try:
        found = account.client("cloudformation").describe_stacks(StackName=name)["Stacks"]
    except ClientError as error:
        if "does not exist" in str(error):
            return None
        raise MarqueeError(f"stack {name}: {error}", fix="see the deployer's policy in docs/aws.md") from None
    return dict(found[0]) if found and found[0]["StackStatus"] != "DELETE_COMPLETE" else None


def outputs(found: dict[str, Any] | None) -> dict[str, str]:
    """A stack's outputs by name."""
    return {one["OutputKey"]: one["OutputValue"] for one in (found or {}).get("Outputs", [])}


def parameters_of(found: dict[str, Any] | None) -> dict[str, str]:
    """A stack's parameters by name."""
    return {one["ParameterKey"]: one["ParameterValue"] for one in (found or {}).get("Parameters", [])}


def preflight(account: Account, options: Options, built: Artifacts) -> list[str]:
    """Notes for people about what was checked.

    Raises:
        MarqueeError: It can't work, and why.
    """
    found = stack(account, options.app_stack)
    if found and (found["StackStatus"].endswith("_IN_PROGRESS") or found["StackStatus"] == "ROLLBACK_COMPLETE"):
        fix = "wait for it" if "PROGRESS" in found["StackStatus"] else "make aws-destroy CONFIRM=" + options.app_stack
        raise MarqueeError(f"stack {options.app_stack} is {found['StackStatus']}", fix=fix)
    before = parameters_of(found).get("EndpointMode")
    wanted = options.parameters.get("EndpointMode", "serverless")
    if before and before != wanted:
        raise MarqueeError(
            f"the endpoint is {before} and SageMaker can't make it {wanted}",
            fix=f"make aws-destroy CONFIRM={options.app_stack} first, or another STAGE",
        )
    notes = [_image(account, options)]
    if wanted == "instance":
        kind = options.parameters.get("InstanceType", "ml.c7i.large")
        notes.append(_quota(account, f"{kind} for endpoint usage", int(options.parameters.get("InstanceCount", "2"))))
    elif built.files["model"].unpacked * 2 > 1024 * 1024 * int(options.parameters.get("ServerlessMemory", "3072")):
        raise MarqueeError("the model is too large for ServerlessMemory", fix="SERVERLESS_MEMORY=6144, or instances")
    reserved = int(options.parameters.get("ReservedConcurrency", "0"))
    if reserved:
        limits = account.client("lambda").get_account_settings()["AccountLimit"]
        if limits["UnreservedConcurrentExecutions"] - reserved < 100:
            raise MarqueeError(
                f"the account can't reserve {reserved}", fix="RESERVED_CONCURRENCY=0, or ask AWS for more"
            )
    return notes


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
        account.client("ecr").describe_images(repositoryName=name, imageIds=[{"imageDigest": digest}])
    except ClientError as error:
        raise MarqueeError(f"no image {options.image}: {error}", fix="push it first (docs/aws.md)") from None
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
