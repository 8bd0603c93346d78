"""Settings of the serving side, from the environment: MARQUEE_<NAME>. An unknown name is an error."""

import os
from ipaddress import ip_address
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from marquee.errors import ConfigError

# Read by training and publishing, not by serving.
FOREIGN = {"MARQUEE_DATA_DIR", "MARQUEE_GIT_COMMIT"}
URL = r"^https?://[^/?#@]+$"  # without a path


class Settings(BaseSettings):
    """Settings of a running Marquee. docs/configuration.md is generated from this class."""

    model_config = SettingsConfigDict(env_prefix="MARQUEE_", extra="forbid", frozen=True, use_attribute_docstrings=True)

    profile: Literal["cluster", "aws"] = "cluster"
    """Where it runs; `aws` retrieves from SageMaker."""
    artifacts_dir: Path = Path("artifacts")
    """The bundle store (with CURRENT.json), or one bundle's folder (with manifest.json)."""
    host: str = "127.0.0.1"
    """Address that the API listens on; containers set 0.0.0.0."""
    port: int = Field(8080, ge=0, le=65535)
    """Port of the API and the web page."""
    metrics_port: int = Field(9090, ge=0, le=65535)
    """Port of /metrics, kept off the public one."""
    reload_seconds: float = Field(5.0, gt=0)
    """How often CURRENT.json is looked at for a newer bundle."""
    threads: int = Field(1, ge=1)
    """Processor threads of one matrix product. Requests have threads already: more only pays on idle processors."""
    retrieval_url: str = Field("", pattern=r"^(https?://[^/]+)?$")
    """Where retrieval is served, such as http://two-tower-predictor; empty: in process, from the bundle's vectors."""
    retrieval_protocol: Literal["v1", "v2"] = "v2"
    """KServe's protocol to ask in."""
    retrieval_seconds: float = Field(0.25, gt=0)
    """How long retrieval may take in all; then the next rung answers."""
    retrieval_connect_seconds: float = Field(0.05, gt=0)
    """How long connecting may take."""
    retrieval_connection_seconds: float = Field(30.0, gt=0)
    """How long a connection is used, so that new pods get their share."""
    sagemaker_endpoint: str = Field("", pattern=r"^([a-zA-Z0-9](-*[a-zA-Z0-9]){0,62})?$")
    """Name of the SageMaker endpoint; the profile `aws` needs it."""
    sagemaker_seconds: float = Field(1.8, gt=0)
    """How long the endpoint may take in all; then the next rung answers."""
    sagemaker_connect_seconds: float = Field(0.3, gt=0)
    """How long connecting to the endpoint may take, per attempt (there are two)."""
    sagemaker_read_seconds: float = Field(1.5, gt=0)
    """How long the endpoint may stay silent, per attempt."""
    aws_region: str = Field("", pattern=r"^([a-z]{2,}(-[a-z]+)+-\d)?$")
    """Region of the endpoint; empty: AWS_REGION, as Lambda sets it."""
    max_inflight: int = Field(32, ge=1)
    """Requests worked on at once; more wait in the queue."""
    max_queue: int = Field(64, ge=0)
    """Requests that may wait; more get 503 with Retry-After."""
    queue_seconds: float = Field(0.05, ge=0)
    """How long a request may wait before it gets 503."""
    shutdown_seconds: float = Field(20.0, gt=0)
    """How long requests in flight may take to finish after SIGTERM."""
    log_format: Literal["auto", "json", "console"] = "auto"
    """One line per request: JSON, or coloured on a terminal (auto)."""
    cors_origins: list[str] = []
    """Origins that browsers may call the API from; none by default."""
    operator: bool = False
    """Show what operators want to see to everyone who can reach the page; `marquee serve` turns it on at 127.0.0.1."""
    page_novelty: float = Field(0.5, ge=0, le=1)
    """Where the page's novelty dial stands until it is turned: people know the hits. A request without one gets 0."""
    rollback: str = ""
    """The command that operators are shown for going back to the model before; empty: `marquee rollback`."""
    sweep_plot: Path | None = None
    """A picture (.png) of the re-ranker's sweep for operators; unset: the bundle's eval/sweep_*.png, if it has one."""
    tmdb_key: SecretStr = SecretStr("")
    """A key of themoviedb.org, for posters; without one they are drawn. It stays in the server."""
    tmdb_url: str = Field("https://api.themoviedb.org", pattern=URL)
    """Where TMDB's API is."""
    tmdb_image_url: str = Field("https://image.tmdb.org", pattern=URL)
    """Where TMDB's pictures are."""


def load_settings(**overrides: object) -> Settings:
    """Settings from the environment, with overrides from flags; a ConfigError names what is unknown or out of range."""
    known = {f"MARQUEE_{name.upper()}" for name in Settings.model_fields} | FOREIGN
    for name in sorted(os.environ):
        if name.startswith("MARQUEE_") and name not in known:
            raise ConfigError(f"{name} is not a setting", fix=f"unset it, or use one of {', '.join(sorted(known))}")
    try:
        settings = Settings(**{key: value for key, value in overrides.items() if value is not None})  # type: ignore[arg-type]
    except ValidationError as error:
        first = error.errors()[0]
        name = "MARQUEE_" + "_".join(str(part) for part in first["loc"]).upper()
        raise ConfigError(f"{name}={first.get('input')!r}: {first['msg']}", fix="see docs/configuration.md") from None
    if settings.profile == "aws" and not settings.sagemaker_endpoint:
        fix = "set it to the endpoint's name, or MARQUEE_PROFILE=cluster"
        raise ConfigError("MARQUEE_PROFILE=aws needs MARQUEE_SAGEMAKER_ENDPOINT", fix=fix)
    return settings


def served_here(settings: Settings) -> Settings:
    """Turn the operator's view on where it isn't set and the server listens on a loopback address only."""
    if "operator" in settings.model_fields_set or not _is_loopback(settings.host):
        return settings
    return settings.model_copy(update={"operator": True})


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
