"""What is deployed and was proven, and what was before it: two SSM parameters, so that any machine can go back."""

import json
from dataclasses import asdict, dataclass

from aws.deploy.account import Account

GOOD, PREVIOUS = "good", "previous"


@dataclass(frozen=True)
class Deployment:
    """All that a deployment is made of, and how to prove it.

    Attributes:
        template: The app stack's template, by content: its address in the bucket.
        parameters: Of the app stack, the artifacts' keys among them.
        version: The bundle that must answer.
        movie_ids: A few of its films, to ask about.
    """

    template: str
    parameters: dict[str, str]
    version: str
    movie_ids: list[int]


def recall(account: Account, stage: str, which: str) -> Deployment | None:
    """What is remembered as GOOD or PREVIOUS; None if nothing is."""
    ssm = account.client("ssm")
    try:
        found = ssm.get_parameter(Name=_name(stage, which))["Parameter"]["Value"]
    except ssm.exceptions.ParameterNotFound:
        return None
    return Deployment(**json.loads(found))


def remember(account: Account, stage: str, proven: Deployment) -> None:
    """Make a deployment GOOD, and what was good until now PREVIOUS; the same one again changes nothing."""
    before = recall(account, stage, GOOD)
    if before == proven:
        return
    if before is not None:
        _write(account, stage, PREVIOUS, before)
    _write(account, stage, GOOD, proven)


def forget(account: Account, stage: str) -> None:
    """Remember nothing any more."""
    account.client("ssm").delete_parameters(Names=[_name(stage, GOOD), _name(stage, PREVIOUS)])


def _write(account: Account, stage: str, which: str, one: Deployment) -> None:
    value = json.dumps(asdict(one))
    account.client("ssm").put_parameter(Name=_name(stage, which), Value=value, Type="String", Overwrite=True)


def _name(stage: str, which: str) -> str:
    return f"/marquee/{stage}/{which}"
