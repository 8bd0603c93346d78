"""Settings of servers, from environment variables MARQUEE_<NAME>; an unknown name is an error."""

import os
import re
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import BeforeValidator, Field, SecretStr, TypeAdapter, ValidationError

from marquee.base_model import FrozenBaseModel
from marquee.errors import ConfigError
from marquee.listener import url_host
from marquee.models.weights import NOVELTY

# Read by training and publishing, not by serving.
FOREIGN = {"MARQUEE_DATA_DIR", "MARQUEE_GIT_COMMIT", "MARQUEE_ARTIFACTS_DIR"}
URL = r"^https?://(\[[0-9a-fA-F:.]+\]|[^/?#@:\s\[\]]+)(:\d+)?$"  # without a path; IPv6 in brackets
ROOT_PATH = r"^(/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)*$"  # plain, so that it is safe in pages and headers
DEFAULT_PORTS = {"http": 80, "https": 443}
MODEL = (
    r"^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?|\d{4}-\d{2}-\d{2}T\d{2}-\d{2}-\d{2}Z-[0-9a-f]{8})$"  # channel, or version
)


def _trimmed(value: Any) -> Any:
    return value.strip().rstrip("/") if isinstance(value, str) else value


def _bare_host(value: Any) -> Any:
    return re.sub(r"^\[(.*:.*)\]$", r"\1", value.strip()) if isinstance(value, str) else value


def _origins(value: Any) -> Any:
    """A JSON list, or names separated by commas or spaces, as browsers write origins (RFC 6454)."""
    if isinstance(value, str):
        try:
            value = TypeAdapter(list[str]).validate_json(value) if value.strip().startswith("[") else value
        except ValidationError:
            message = f"MARQUEE_CORS_ORIGINS={value!r} is no JSON list of strings"
            raise ConfigError(message, fix='write it like ["https://films.example"]') from None
        value = re.split(r"[,\s]+", value.strip()) if isinstance(value, str) else value
    return list(dict.fromkeys(_origin(one.strip()) for one in value if one.strip()))


def _origin(text: str) -> str:
    if text == "*":
        return text
    try:
        url = urlsplit(text)
        scheme, host, port = url.scheme, (url.hostname or "").encode("idna").decode(), url.port
    except ValueError:  # no number as a port, half a pair of brackets, no host name
        scheme, host, port = "", "", None
    origin = f"{scheme}://{url_host(host)}" + (f":{port}" if port not in {None, DEFAULT_PORTS.get(scheme)} else "")
    if not host or re.search(r"[^a-z0-9.:_-]", host):
        fix = "write scheme and host, such as https://films.example; one origin each, and * alone for every page"
    elif url.path.strip("/") or url.query or url.fragment or "@" in url.netloc:
        fix = f"write {origin}: an origin has neither path nor user"
    else:
        return origin
    raise ConfigError(f"MARQUEE_CORS_ORIGINS: {text!r} is no origin, so no page would match", fix=fix)


ServerURL = Annotated[str, BeforeValidator(_trimmed)]


class Settings(FrozenBaseModel):
    """Settings of a server. docs/configuration.md is generated from this class."""

    profile: Literal["cluster", "aws"] = "cluster"
    """Deployment profile. `cluster` retrieves in process or over HTTP, `aws` from SageMaker."""
    artifacts: Annotated[str, BeforeValidator(str)] = "artifacts"
    """Store of bundles: a folder (with CURRENT.json), s3://bucket/path, gs://bucket/path or az://container/path; or the
    folder of one bundle (with manifest.json). MARQUEE_ARTIFACTS_DIR is its older name."""
    cache_dir: Path | None = None
    """Folder for bundles out of a bucket. Unset: marquee/stores below $XDG_CACHE_HOME or ~/.cache."""
    model: str = Field("current", pattern=MODEL)
    """Channel to follow, such as staging, or the name of a version, which pins it."""
    host: Annotated[str, BeforeValidator(_bare_host)] = "127.0.0.1"
    """Address of the server, such as 127.0.0.1 or ::1; containers set 0.0.0.0. `::` is all addresses, IPv4 and IPv6."""
    port: int = Field(8080, ge=0, le=65535)
    """Port of the API and the web page."""
    root_path: Annotated[str, BeforeValidator(_trimmed)] = Field("", pattern=ROOT_PATH)
    """Path under which a proxy or gateway shows API and page, such as /films. Requests may come with it or without."""
    keep_alive_seconds: float = Field(620.0, gt=0)
    """Time that idle connections stay open, in seconds: longer than the proxy's in front (Google's: 600)."""
    read_seconds: float = Field(10.0, gt=0)
    """Time limit of a request's head, and of its body, in seconds; after it, the answer is 408."""
    metrics_port: int = Field(9090, ge=0, le=65535)
    """Port of /metrics, separate from the public port."""
    reload_seconds: float = Field(5.0, gt=0)
    """Interval of checks for a new bundle, in seconds."""
    items_seconds: float = Field(0.0, ge=0)
    """Interval of checks for items that came, changed or went without a new model, in seconds, such as 0.5. 0: none."""
    items_token: SecretStr = SecretStr("")
    """Token that changes items: `Authorization: Bearer TOKEN` at /v1/items. Empty: they can't be changed over HTTP."""
    workers: int = Field(1, ge=0, le=64)
    """Number of processes on the port, each ready by itself, as replicas are. 0: one per processor, at most 4."""
    threads: int = Field(1, ge=1)
    """Threads per matrix product. Requests run in threads already, so more only helps on idle processors."""
    retrieval_url: ServerURL = Field("", pattern=f"^$|{URL}")
    """URL of the retrieval server, such as http://two-tower-predictor. Empty: retrieval in process."""
    retrieval_protocol: Literal["v1", "v2"] = "v2"
    """Version of KServe's protocol for retrieval."""
    retrieval_seconds: float = Field(0.25, gt=0)
    """Time limit of retrieval in seconds; after it, the next rung of the ladder answers."""
    retrieval_connect_seconds: float = Field(0.05, gt=0)
    """Time limit of connecting to the retrieval server, in seconds."""
    retrieval_connection_seconds: float = Field(30.0, gt=0)
    """Maximum age of a connection in seconds, so that new pods get their share of requests."""
    retrieval_canary_url: ServerURL = Field("", pattern=f"^$|{URL}")
    """URL of a canary of the retrieval server, which gets a share of the calls. Empty: no canary."""
    retrieval_canary_share: float = Field(0.1, ge=0, le=1)
    """Share of the requests whose retrieval calls go to the canary."""
    sagemaker_endpoint: str = Field("", pattern=r"^([a-zA-Z0-9](-*[a-zA-Z0-9]){0,62})?$")
    """Name of the SageMaker endpoint; required by the profile `aws`."""
    sagemaker_seconds: float = Field(1.8, gt=0)
    """Time limit of the endpoint in seconds, all attempts included; after it, the next rung answers."""
    sagemaker_connect_seconds: float = Field(0.3, gt=0)
    """Time limit of connecting to the endpoint, in seconds per attempt (of two)."""
    sagemaker_read_seconds: float = Field(1.5, gt=0)
    """Time limit of each read from the endpoint, in seconds per attempt."""
    aws_region: str = Field("", pattern=r"^([a-z]{2,}(-[a-z]+)+-\d)?$")
    """Region of the endpoint. Empty: AWS_REGION, which Lambda sets."""
    shadow_model: str = Field("", pattern=f"^$|{MODEL}")
    """Channel or version of a second model that is asked after an answer and compared, never shown. Empty: none."""
    shadow_share: float = Field(0.1, ge=0, le=1)
    """Share of the recommendations that the shadow model is asked for."""
    max_inflight: int = Field(32, ge=1)
    """Number of requests in progress; further ones wait in the queue."""
    max_queue: int = Field(64, ge=0)
    """Length of the queue; further requests get 503 with Retry-After."""
    queue_seconds: float = Field(0.05, ge=0)
    """Time limit of a request in the queue, in seconds; after it, the answer is 503."""
    shutdown_seconds: float = Field(20.0, gt=0)
    """Time limit of requests in progress after SIGTERM, in seconds."""
    log_format: Literal["auto", "json", "console"] = "auto"
    """Format of log lines: `json`, `console`, or `auto`, which is `console` on a terminal and else `json`."""
    cors_origins: Annotated[list[str], BeforeValidator(_origins)] = []
    """Origins (JSON list, or separated by commas) whose pages may call the API from a browser; by default none."""
    operator: bool = False
    """Show the operator's view to everyone who can reach the page; `marquee serve` sets it at 127.0.0.1."""
    page_novelty: float = Field(NOVELTY, ge=0, le=1)
    """Initial position of the page's novelty dial; the default is that of requests."""
    rollback: str = ""
    """Rollback command shown in the operator's view. Empty: `marquee rollback`."""
    sweep_plot: Path | None = None
    """Plot (.png) of the re-ranker's sweep for the operator's view. Unset: the bundle's eval/sweep_*.png, if any."""
    tmdb_key: SecretStr = SecretStr("")
    """Key of themoviedb.org for posters; it is never sent to browsers. Empty: the page draws posters."""
    tmdb_url: ServerURL = Field("https://api.themoviedb.org", pattern=URL)
    """URL of TMDB's API."""
    tmdb_image_url: ServerURL = Field("https://image.tmdb.org", pattern=URL)
    """URL of TMDB's images."""


def usable_cores() -> int:
    """Number of processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def load_settings(**overrides: object) -> Settings:
    """Load settings from the environment, with overrides from flags; a ConfigError names an invalid one."""
    known = {f"MARQUEE_{name.upper()}" for name in Settings.model_fields} | FOREIGN
    for name in sorted(os.environ):
        if name.startswith("MARQUEE_") and name not in known:
            raise ConfigError(f"{name} is not a setting", fix=f"unset it, or use one of {', '.join(sorted(known))}")
    if not overrides.get("artifacts") and "MARQUEE_ARTIFACTS" not in os.environ:
        overrides["artifacts"] = os.environ.get("MARQUEE_ARTIFACTS_DIR")
    try:
        names = {name: f"MARQUEE_{name.upper()}" for name in Settings.model_fields}
        given = {name: os.environ[variable] for name, variable in names.items() if variable in os.environ}
        settings = Settings.model_validate(given | {name: one for name, one in overrides.items() if one is not None})
    except ValidationError as error:
        first = error.errors()[0]
        name = "MARQUEE_" + "_".join(str(part) for part in first["loc"]).upper()
        meaning = Settings.descriptions().get(str(first["loc"][0]))
        fix = f"see docs/configuration.md: {' '.join(meaning.split())}" if meaning else ""
        raise ConfigError(f"{name}={first.get('input')!r}: {first['msg']}", fix=fix) from None
    if settings.items_token.get_secret_value() and not settings.items_seconds:
        raise ConfigError("MARQUEE_ITEMS_TOKEN needs MARQUEE_ITEMS_SECONDS", fix="set MARQUEE_ITEMS_SECONDS=0.5")
    if settings.profile == "aws" and not settings.sagemaker_endpoint:
        fix = "set it to the endpoint's name, or MARQUEE_PROFILE=cluster"
        raise ConfigError("MARQUEE_PROFILE=aws needs MARQUEE_SAGEMAKER_ENDPOINT", fix=fix)
    if settings.retrieval_canary_url and (settings.profile == "aws" or not settings.retrieval_url):
        fix = "set it to the stable server's URL, or unset MARQUEE_RETRIEVAL_CANARY_URL"
        raise ConfigError("MARQUEE_RETRIEVAL_CANARY_URL needs MARQUEE_RETRIEVAL_URL and the profile cluster", fix=fix)
    return settings


def served_here(settings: Settings) -> Settings:
    """Turn on the operator's view, if it is not set and the server listens on a loopback address."""
    try:
        is_loopback = ip_address(settings.host).is_loopback
    except ValueError:
        is_loopback = settings.host == "localhost"
    if "operator" in settings.model_fields_set or not is_loopback:
        return settings
    return settings.model_copy(update={"operator": True})
