"""Uploads and change sets: what would change is shown, what was shown is done."""

import hashlib
import sys
import uuid
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError, WaiterError

from aws.deploy.account import Account, stack
from aws.deploy.artifacts import KEYS, Artifacts
from aws.deploy.states import is_fresh, is_under_way
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


def defaults_of(account: Account, url: str) -> dict[str, str]:
    """The defaults of a template's parameters, by name.

    Args:
        account: Where.
        url: Where the template is in S3.
    """
    found = account.client("cloudformation").get_template_summary(TemplateURL=url)["Parameters"]
    return {one["ParameterKey"]: one["DefaultValue"] for one in found if "DefaultValue" in one}


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
        ChangeSetType="CREATE" if is_fresh(stack(account, name)) else "UPDATE",
        Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in sorted(parameters.items())],
        Capabilities=CAPABILITIES,
        **({"TemplateURL": url} if url else {"TemplateBody": body}),
    )
    planned = ChangeSet(name, made["Id"], [])
    with discarding(account, planned):
        if not _has_changes(formation, planned):
            discard(account, planned)
            return ChangeSet(name, None, [])
        pages = formation.get_paginator("describe_change_set").paginate(ChangeSetName=made["Id"], StackName=name)
        planned.changes.extend(change["ResourceChange"] for page in pages for change in page.get("Changes", []))
    return planned


def _has_changes(formation: Any, planned: ChangeSet) -> bool:
    """Wait until CloudFormation has made a change set; False if there is nothing to change.

    Raises:
        MarqueeError: CloudFormation refuses it, or takes too long.
    """
    asked = {"ChangeSetName": planned.identifier, "StackName": planned.stack}
    try:
        waiter = formation.get_waiter("change_set_create_complete")
        waiter.wait(**asked, WaiterConfig={"Delay": 2, "MaxAttempts": 90})
    except WaiterError as error:
        status = str(error.last_response.get("Status", ""))
        if status.endswith(("_PENDING", "_IN_PROGRESS")):
            raise MarqueeError(
                f"the change set of {planned.stack} is still {status} after 3 minutes", fix="run this again later"
            ) from None
        why = str(formation.describe_change_set(**asked).get("StatusReason", ""))
        if "didn't contain changes" in why or "No updates" in why:
            return False
        raise MarqueeError(
            f"CloudFormation refuses {planned.stack}: {why}", fix="make aws-verify; see the message"
        ) from None
    return True


@contextmanager
def discarding(account: Account, planned: ChangeSet) -> Iterator[ChangeSet]:
    """Drop a change set if what is done with it fails or is interrupted."""
    try:
        yield planned
    except BaseException:  # also Ctrl+C: a change set that nobody knows of would lie around
        try:
            discard(account, planned)
        except (BotoCoreError, ClientError, MarqueeError) as error:  # the other error is what people must see
            print(f"the change set {planned.identifier} stays, and does no harm: {error}", file=sys.stderr)
        raise


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
        MarqueeError: It failed, and why: the message is that of the first failure; or it isn't at its end yet.
    """
    if planned.identifier is None:
        return
    formation = account.client("cloudformation")
    waiter = "stack_create_complete" if is_fresh(stack(account, planned.stack)) else "stack_update_complete"
    formation.execute_change_set(ChangeSetName=planned.identifier, StackName=planned.stack)
    try:
        formation.get_waiter(waiter).wait(
            StackName=planned.stack, WaiterConfig={"Delay": 5, "MaxAttempts": minutes * 12}
        )
    except WaiterError as error:
        raise _ended(error, formation, planned.stack, minutes) from None


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
    except WaiterError as error:
        _check_ended(error, name, 30)
        why = _first_failure(formation, name)
        raise MarqueeError(f"stack {name} is not gone: {why}", fix="mend that, and destroy again") from None


def _ended(error: WaiterError, formation: Any, name: str, minutes: int) -> MarqueeError:
    """What became of a change that didn't succeed."""
    status = _check_ended(error, name, minutes)
    told = "failed and was rolled back" if status.endswith("ROLLBACK_COMPLETE") else f"failed, and is {status} now"
    return MarqueeError(
        f"stack {name} {told}: {_first_failure(formation, name)}",
        fix="see the reason; for the endpoint, /aws/sagemaker/Endpoints has its log",
    )


def _check_ended(error: WaiterError, name: str, minutes: int) -> str:
    """The state that a stack ended in.

    Raises:
        MarqueeError: It has not ended yet; or CloudFormation didn't say.
    """
    stacks = error.last_response.get("Stacks")
    if not stacks:
        raise MarqueeError(f"stack {name}: {error}", fix="look at it in CloudFormation, then run this again")
    status = str(stacks[0]["StackStatus"])
    if is_under_way(status):
        raise MarqueeError(
            f"stack {name} is still {status} after {minutes} minutes; nothing is known to have failed",
            fix=f"wait for its end: aws cloudformation describe-stacks --stack-name {name}; then run this again",
        )
    return status


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
