"""What the commands are told, by variables of `make` or the environment; a running Marquee has settings instead."""

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from marquee.errors import ConfigError

# Parameters of the app stack that a user chooses, by the name of a variable; the template has defaults and limits.
PARAMETERS = {
    "IMAGE_KIND": "ImageKind",
    "ENDPOINT_MODE": "EndpointMode",
    "SERVERLESS_MEMORY": "ServerlessMemory",
    "SERVERLESS_CONCURRENCY": "ServerlessConcurrency",
    "INSTANCE_TYPE": "InstanceType",
    "INSTANCE_COUNT": "InstanceCount",
    "INSTANCE_MAXIMUM": "InstanceMaximum",
    "FUNCTION_MEMORY": "FunctionMemory",
    "RESERVED_CONCURRENCY": "ReservedConcurrency",
    "DEPLOYMENT": "Deployment",
    "THROTTLE_RATE": "ThrottleRate",
    "THROTTLE_BURST": "ThrottleBurst",
    "LOG_DAYS": "LogDays",
    "ALARM_EMAIL": "AlarmEmail",
}
CORS = ("CorsOrigins", "CorsOriginsJson")  # both from CORS_ORIGINS
CHOSEN = (*PARAMETERS.values(), *CORS)
DEFAULT = "default"  # as a variable's value: no longer what is deployed, but what the template says
_ORIGIN = re.compile(r"https?://[a-z0-9.-]+(:\d+)?", re.IGNORECASE)


@dataclass(frozen=True)
class Options:
    """What to deploy, and whether one really means it.

    Attributes:
        stage: Part of every name; each stage is a deployment of its own.
        image: Of the endpoint, by digest.
        confirm: CONFIRM's value.
        purge: Whether destroying takes the bucket and the images along.
        parameters: Chosen parameters of the app stack.
        defaults: Those that go back to the template's defaults.
        smoke_seconds: How long the endpoint may take to answer for the first time.
    """

    stage: str = "dev"
    image: str = ""
    confirm: str = ""
    purge: bool = False
    parameters: dict[str, str] = field(default_factory=dict)
    defaults: frozenset[str] = frozenset()
    smoke_seconds: float = 300.0

    def on_top_of(self, deployed: Mapping[str, str]) -> "Options":
        """The same, and what was chosen for the deployed stack wherever nothing is chosen now.

        Args:
            deployed: The stack's parameters.
        """
        kept = {name: deployed[name] for name in CHOSEN if name in deployed and name not in self.defaults}
        return replace(self, parameters={**kept, **self.parameters})

    @property
    def bootstrap_stack(self) -> str:
        """The first stack's name."""
        return f"marquee-{self.stage}-bootstrap"

    @property
    def app_stack(self) -> str:
        """The second stack's name."""
        return f"marquee-{self.stage}"


def differences(deployed: Mapping[str, str], wanted: Mapping[str, str]) -> list[str]:
    """What a deployment changes of all that one can choose, for people."""
    changed = [name for name in CHOSEN if name in deployed and deployed[name] != wanted.get(name)]
    return [f"  {name}: {deployed[name]} -> {wanted.get(name, 'the default of the template')}" for name in changed]


def read_options(environment: Mapping[str, str] = os.environ) -> Options:
    """Options from the environment.

    Raises:
        ConfigError: One of them can't be right.
    """
    stage = environment.get("STAGE", "dev")
    if not re.fullmatch(r"[a-z][a-z0-9]{0,11}", stage):
        raise ConfigError(f"STAGE={stage}", fix="1 to 12 lower-case letters and digits, a letter first")
    image = environment.get("IMAGE", "")
    if image and "@sha256:" not in image:
        raise ConfigError(
            f"IMAGE={image} has a tag", fix="name it by digest, REPOSITORY@sha256:..., so it can't change"
        )
    given = {name: environment[variable] for variable, name in PARAMETERS.items() if environment.get(variable)}
    given |= _cors(environment.get("CORS_ORIGINS", ""))
    defaults = frozenset(name for name, value in given.items() if value == DEFAULT)
    parameters = {name: value for name, value in given.items() if name not in defaults}
    try:
        seconds = float(environment.get("SMOKE_SECONDS", "300"))
    except ValueError:
        raise ConfigError(f"SMOKE_SECONDS={environment['SMOKE_SECONDS']}", fix="a number of seconds") from None
    purge = environment.get("PURGE", "") == "yes"
    return Options(stage, image, environment.get("CONFIRM", ""), purge, parameters, defaults, seconds)


def _cors(given: str) -> dict[str, str]:
    origins = [one.strip() for one in given.split(",") if one.strip()]
    if origins == [DEFAULT]:
        return dict.fromkeys(CORS, DEFAULT)
    if wrong := [one for one in origins if not _ORIGIN.fullmatch(one)]:
        raise ConfigError(
            f"CORS_ORIGINS has {wrong[0]!r}", fix="list origins such as https://films.example.org; never *"
        )
    return dict(zip(CORS, (",".join(origins), json.dumps(origins)), strict=True)) if origins else {}
