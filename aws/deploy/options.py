"""What the commands are told, by variables of `make` or the environment; a running Marquee has settings instead."""

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

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
        smoke_seconds: How long the endpoint may take to answer for the first time.
    """

    stage: str = "dev"
    image: str = ""
    confirm: str = ""
    purge: bool = False
    parameters: dict[str, str] = field(default_factory=dict)
    smoke_seconds: float = 300.0

    @property
    def bootstrap_stack(self) -> str:
        """The first stack's name."""
        return f"marquee-{self.stage}-bootstrap"

    @property
    def app_stack(self) -> str:
        """The second stack's name."""
        return f"marquee-{self.stage}"


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
    parameters = {name: environment[variable] for variable, name in PARAMETERS.items() if environment.get(variable)}
    origins = [one.strip() for one in environment.get("CORS_ORIGINS", "").split(",") if one.strip()]
    if wrong := [one for one in origins if not _ORIGIN.fullmatch(one)]:
        raise ConfigError(
            f"CORS_ORIGINS has {wrong[0]!r}", fix="list origins such as https://films.example.org; never *"
        )
    if origins:
        parameters |= {"CorsOrigins": ",".join(origins), "CorsOriginsJson": json.dumps(origins)}
    try:
        seconds = float(environment.get("SMOKE_SECONDS", "300"))
    except ValueError:
        raise ConfigError(f"SMOKE_SECONDS={environment['SMOKE_SECONDS']}", fix="a number of seconds") from None
    purge = environment.get("PURGE", "") == "yes"
    return Options(stage, image, environment.get("CONFIRM", ""), purge, parameters, seconds)
