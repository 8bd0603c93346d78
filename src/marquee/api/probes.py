"""Answers of the probes `/livez` and `/readyz`."""

from marquee.base_model import FrozenBaseModel


class Alive(FrozenBaseModel):
    """The process answers."""

    status: str = "alive"


class Ready(FrozenBaseModel):
    """A bundle is loaded."""

    status: str = "ready"
    model_version: str
