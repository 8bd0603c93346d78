"""The states of a stack that nothing can be deployed in, and what to do about each."""

from collections.abc import Mapping
from typing import Any

from marquee.errors import MarqueeError

_AGAIN = "destroy it and deploy again: {destroy}"
_FIXES = {
    "ROLLBACK_COMPLETE": _AGAIN,
    "ROLLBACK_FAILED": _AGAIN,
    "CREATE_FAILED": _AGAIN,
    "DELETE_FAILED": "its events say what can't be deleted; mend that, then {destroy}",
    "UPDATE_ROLLBACK_FAILED": "mend what its events say, then aws cloudformation continue-update-rollback "
    "--stack-name {name}, wait for UPDATE_ROLLBACK_COMPLETE, and run this again",
}


def is_fresh(found: Mapping[str, Any] | None) -> bool:
    """Whether there is no stack yet, or only the shell that a first change set makes."""
    return found is None or found["StackStatus"] == "REVIEW_IN_PROGRESS"


def is_under_way(status: str) -> bool:
    """Whether CloudFormation is at work on a stack."""
    return status.endswith("_IN_PROGRESS") and status != "REVIEW_IN_PROGRESS"


def fix_of_state(name: str, status: str, destroy: str) -> str:
    """What to do about a state; "" if a stack can be changed in it.

    Args:
        name: The stack's.
        status: Of it.
        destroy: The command that removes it.
    """
    if is_under_way(status):
        return f"wait until it ends: aws cloudformation describe-stacks --stack-name {name}"
    return _FIXES.get(status, "").format(name=name, destroy=destroy)


def check_state(found: Mapping[str, Any] | None, name: str, destroy: str) -> None:
    """See that a stack can be made or changed.

    Raises:
        MarqueeError: It can't, in the state that it is in.
    """
    if found is None:
        return
    fix = fix_of_state(name, found["StackStatus"], destroy)
    if fix:
        raise MarqueeError(f"stack {name} is {found['StackStatus']}", fix=fix)
