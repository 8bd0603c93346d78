"""Uploads and change sets: what would change is shown, what was shown is done."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError, WaiterError

from aws.deploy.account import Account, stack
from aws.deploy.artifacts import KEYS, Artifacts
from marquee.errors import MarqueeError

TEMPLATES = Path(__file__).parents[1] / "templates"
CAPABILITIES = ["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"]


def upload(account: Account, bucket: str, built: Artifacts) -> int:
    """Send what the bucket doesn't have; how many files that were."""
    s3 = account.client("s3")
    sent = 0
    for name, key in built.keys().items():
        what, _ = KEYS[name]
        try:
            s3.head_object(Bucket=bucket, Key=key)
        except ClientError:
            s3.upload_file(str(built.folder / built.files[what].name), bucket, key)
            sent += 1
    return sent


def upload_template(account: Account, bucket: str, name: str) -> str:
    """Put a template into the bucket, since it is longer than a call may be; its address."""
    body = (TEMPLATES / name).read_bytes()
    account.client("s3").put_object(Bucket=bucket, Key=f"templates/{name}", Body=body)
    return f"https://{bucket}.s3.{account.region}.amazonaws.com/templates/{name}"


def change_set(
    account: Account, name: str, parameters: Mapping[str, str], *, url: str = "", body: str = ""
) -> tuple[str, list[dict[str, Any]]]:
    """Make a change set and wait for it.

    Returns:
        Its identifier, and the changes; none if the stack is as wanted already.

    Raises:
        MarqueeError: CloudFormation refuses the template or the parameters.
    """
    formation = account.client("cloudformation")
    exists = stack(account, name)
    fresh = exists is None or exists["StackStatus"] == "REVIEW_IN_PROGRESS"
    made = formation.create_change_set(
        StackName=name,
        ChangeSetName=f"marquee-{int(time.time())}",
        ChangeSetType="CREATE" if fresh else "UPDATE",
        Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in sorted(parameters.items())],
        Capabilities=CAPABILITIES,
        **({"TemplateURL": url} if url else {"TemplateBody": body}),
    )
    try:
        formation.get_waiter("change_set_create_complete").wait(
            ChangeSetName=made["Id"], StackName=name, WaiterConfig={"Delay": 2, "MaxAttempts": 90}
        )
    except WaiterError:
        why = formation.describe_change_set(ChangeSetName=made["Id"], StackName=name).get("StatusReason", "")
        if "didn't contain changes" in why or "No updates" in why:
            discard(account, name, made["Id"])
            return made["Id"], []
        raise MarqueeError(f"CloudFormation refuses {name}: {why}", fix="make aws-verify; see the message") from None
    pages = formation.get_paginator("describe_change_set").paginate(ChangeSetName=made["Id"], StackName=name)
    return made["Id"], [change["ResourceChange"] for page in pages for change in page.get("Changes", [])]


def discard(account: Account, name: str, identifier: str) -> None:
    """Drop a change set, and the empty stack that a first one leaves."""
    formation = account.client("cloudformation")
    formation.delete_change_set(ChangeSetName=identifier, StackName=name)
    found = stack(account, name)
    if found and found["StackStatus"] == "REVIEW_IN_PROGRESS":
        formation.delete_stack(StackName=name)


def table(changes: list[dict[str, Any]]) -> str:
    """The changes, for people: what is replaced stands out."""
    rows = []
    for one in changes:
        replaced = one.get("Replacement") == "True"
        action = "REPLACE" if replaced else one["Action"].lower()
        rows.append(f"  {action:8} {one['ResourceType']:42} {one['LogicalResourceId']}")
    return "\n".join(sorted(rows)) or "  nothing: the stack is as wanted already"


def execute(account: Account, name: str, identifier: str, *, minutes: int = 60) -> None:
    """Do what a change set says, and wait for its end.

    Raises:
        MarqueeError: It failed; CloudFormation has put the old state back. The message is that of the first failure.
    """
    formation = account.client("cloudformation")
    found = stack(account, name)
    fresh = found is None or found["StackStatus"] == "REVIEW_IN_PROGRESS"
    formation.execute_change_set(ChangeSetName=identifier, StackName=name)
    waiter = formation.get_waiter("stack_create_complete" if fresh else "stack_update_complete")
    try:
        waiter.wait(StackName=name, WaiterConfig={"Delay": 5, "MaxAttempts": minutes * 12})
    except WaiterError:
        raise MarqueeError(f"stack {name} failed and was rolled back: {_first_failure(formation, name)}") from None


def _first_failure(formation: Any, name: str) -> str:
    pages = formation.get_paginator("describe_stack_events").paginate(StackName=name)
    failed = [one for page in pages for one in page["StackEvents"] if one.get("ResourceStatus", "").endswith("_FAILED")]
    told = [one for one in failed if "cancelled" not in one.get("ResourceStatusReason", "")]
    if not told:
        return "no event says why"
    return f"{told[-1]['LogicalResourceId']}: {told[-1].get('ResourceStatusReason', '')}"
