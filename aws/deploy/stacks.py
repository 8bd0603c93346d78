"""Uploads and change sets: what would change is shown, what was shown is done."""

import hashlib
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError, WaiterError

from aws.deploy.account import Account, stack
from aws.deploy.artifacts import KEYS, Artifacts
from marquee.errors import MarqueeError

TEMPLATES = Path(__file__).parents[1] / "templates"
CAPABILITIES = ["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"]
# Of a stack itself: where the events of an operation begin.
BEGINNINGS = ("CREATE_IN_PROGRESS", "UPDATE_IN_PROGRESS", "DELETE_IN_PROGRESS")


@dataclass(frozen=True)
class ChangeSet:
    """What would change.

    Attributes:
        stack: The stack's name.
        identifier: Of the change set; None if the stack is as wanted already.
        changes: Per resource, as CloudFormation says it. Outputs can change without any.
    """

    stack: str
    identifier: str | None
    changes: list[dict[str, Any]]

    def table(self) -> str:
        """The changes, for people: what is replaced stands out."""
        if self.identifier is None:
            return f"  nothing: {self.stack} is as wanted already"
        rows = []
        for one in self.changes:
            replaced = one.get("Replacement") == "True"
            action = "REPLACE" if replaced else one["Action"].lower()
            rows.append(f"  {action:8} {one['ResourceType']:42} {one['LogicalResourceId']}")
        return "\n".join(sorted(rows)) or f"  modify   no resource of {self.stack}, only its outputs"


def upload(account: Account, bucket: str, built: Artifacts) -> int:
    """Send what the bucket doesn't have; how many files that were."""
    s3 = account.client("s3")
    sent = 0
    for name, key in built.keys().items():
        what, _ = KEYS[name]
        if not _is_there(s3, bucket, key):
            s3.upload_file(str(built.folder / built.files[what].name), bucket, key)
            sent += 1
    return sent


def _is_there(s3: Any, bucket: str, key: str) -> bool:
    try:
        s3.head_object(Bucket=bucket, Key=key)
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] == 404:
            return False
        raise
    return True


def upload_template(account: Account, bucket: str, name: str) -> str:
    """Put a template into the bucket, by content, since it is longer than a call may be; its address."""
    body = (TEMPLATES / name).read_bytes()
    key = f"templates/{hashlib.sha256(body).hexdigest()}/{name}"
    account.client("s3").put_object(Bucket=bucket, Key=key, Body=body)
    return f"https://{bucket}.s3.{account.region}.amazonaws.com/{key}"


def change_set(
    account: Account, name: str, parameters: Mapping[str, str], *, url: str = "", body: str = ""
) -> ChangeSet:
    """Make a change set and wait for it.

    Args:
        account: Where.
        name: The stack's.
        parameters: The template's.
        url: Where the template is in S3; or
        body: the template itself.

    Raises:
        MarqueeError: CloudFormation refuses the template or the parameters.
    """
    formation = account.client("cloudformation")
    made = formation.create_change_set(
        StackName=name,
        ChangeSetName=f"marquee-{uuid.uuid4().hex[:12]}",
        ChangeSetType="CREATE" if _is_fresh(stack(account, name)) else "UPDATE",
        Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in sorted(parameters.items())],
        Capabilities=CAPABILITIES,
        **({"TemplateURL": url} if url else {"TemplateBody": body}),
    )
    planned = ChangeSet(name, made["Id"], [])
    try:
        formation.get_waiter("change_set_create_complete").wait(
            ChangeSetName=made["Id"], StackName=name, WaiterConfig={"Delay": 2, "MaxAttempts": 90}
        )
    except WaiterError:
        why = formation.describe_change_set(ChangeSetName=made["Id"], StackName=name).get("StatusReason", "")
        discard(account, planned)
        if "didn't contain changes" in why or "No updates" in why:
            return ChangeSet(name, None, [])
        raise MarqueeError(f"CloudFormation refuses {name}: {why}", fix="make aws-verify; see the message") from None
    pages = formation.get_paginator("describe_change_set").paginate(ChangeSetName=made["Id"], StackName=name)
    planned.changes.extend(change["ResourceChange"] for page in pages for change in page.get("Changes", []))
    return planned


def discard(account: Account, planned: ChangeSet) -> None:
    """Drop a change set, and the empty stack that a first one leaves."""
    if planned.identifier is None:
        return
    formation = account.client("cloudformation")
    formation.delete_change_set(ChangeSetName=planned.identifier, StackName=planned.stack)
    found = stack(account, planned.stack)
    if found and found["StackStatus"] == "REVIEW_IN_PROGRESS":
        formation.delete_stack(StackName=planned.stack)


def execute(account: Account, planned: ChangeSet, *, minutes: int = 60) -> None:
    """Do what a change set says, and wait for its end.

    Raises:
        MarqueeError: It failed; CloudFormation has put the old state back. The message is that of the first failure.
    """
    if planned.identifier is None:
        return
    formation = account.client("cloudformation")
    waiter = "stack_create_complete" if _is_fresh(stack(account, planned.stack)) else "stack_update_complete"
    formation.execute_change_set(ChangeSetName=planned.identifier, StackName=planned.stack)
    try:
        formation.get_waiter(waiter).wait(
            StackName=planned.stack, WaiterConfig={"Delay": 5, "MaxAttempts": minutes * 12}
        )
    except WaiterError:
        raise MarqueeError(
            f"stack {planned.stack} failed and was rolled back: {_first_failure(formation, planned.stack)}",
            fix="see the reason; for the endpoint, /aws/sagemaker/Endpoints has its log",
        ) from None


def remove(account: Account, name: str) -> None:
    """Delete a stack, and wait for its end.

    Raises:
        MarqueeError: Something in it can't be deleted.
    """
    formation = account.client("cloudformation")
    formation.delete_stack(StackName=name)
    try:
        formation.get_waiter("stack_delete_complete").wait(
            StackName=name, WaiterConfig={"Delay": 5, "MaxAttempts": 360}
        )
    except WaiterError:
        why = _first_failure(formation, name)
        raise MarqueeError(f"stack {name} is not gone: {why}", fix="mend that, and destroy again") from None


def _is_fresh(found: dict[str, Any] | None) -> bool:
    return found is None or found["StackStatus"] == "REVIEW_IN_PROGRESS"


def _first_failure(formation: Any, name: str) -> str:
    pages = formation.get_paginator("describe_stack_events").paginate(StackName=name)
    return first_failure(event for page in pages for event in page["StackEvents"])


def first_failure(events: Iterable[Mapping[str, Any]]) -> str:
    """The cause of the latest operation's failure: what failed first, the rest being cancelled for its sake.

    Args:
        events: Of a stack, the latest first, as CloudFormation gives them.
    """
    told = "no event says why"
    for event in events:
        status, why = event.get("ResourceStatus", ""), event.get("ResourceStatusReason", "")
        if status.endswith("_FAILED") and "cancelled" not in why:
            told = f"{event['LogicalResourceId']}: {why}"
        if event["PhysicalResourceId"] == event["StackId"] and status in BEGINNINGS:
            break
    return told
