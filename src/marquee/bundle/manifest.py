"""The manifest: contents, origin and hashes of a bundle."""

import hashlib
import json
import re
from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import Annotated, Any

from pydantic import AfterValidator, Field, JsonValue, ValidationError
from pydantic_core import from_json

from marquee import __version__
from marquee.base_model import FrozenBaseModel
from marquee.bundle.metrics import Metrics
from marquee.errors import BundleError

SCHEMA_VERSION = 1
MANIFEST_NAME = "manifest.json"
# The oldest Marquee that reads what this one writes; raise it when a reader needs to know something new.
REQUIRES = "marquee>=0.1.0"
# No other kind of file is ever opened, in particular no pickle (docs/bundle.md).
ALLOWED_SUFFIXES = (".safetensors", ".json", ".csv", ".png")
VERSION_PATTERN = r"^\d{4}-\d{2}-\d{2}T\d{2}-\d{2}-\d{2}Z-[0-9a-f]{8}$"
REPAIR = "go back with `marquee rollback`, or publish again"
_TIME_FORMAT = "%Y-%m-%dT%H-%M-%SZ"
_UPGRADE = "upgrade marquee, or go back to an older bundle with `marquee rollback`"

Version = Annotated[str, Field(pattern=VERSION_PATTERN)]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


def _safe_path(path: str) -> str:
    parts = PurePosixPath(path).parts
    if not re.fullmatch(r"[\w.-]+(/[\w.-]+)*", path) or ".." in parts or path == MANIFEST_NAME:
        raise ValueError("not a plain relative path inside the bundle")
    if not path.endswith(ALLOWED_SUFFIXES):
        raise ValueError(f"only {', '.join(ALLOWED_SUFFIXES)} files belong in a bundle")
    return path


class FileEntry(FrozenBaseModel):
    """One file of a bundle; the path is relative to the version's folder, with forward slashes."""

    path: Annotated[str, AfterValidator(_safe_path)]
    bytes: int = Field(ge=0, le=2**40)
    sha256: Sha256


class DataInfo(FrozenBaseModel):
    """The data that the models were trained on."""

    name: str
    source: str = ""
    sha256: str = ""
    """Hash of the data; empty where unknown. The publish gate only compares bundles of the same data."""
    counts: dict[str, int] = {}


class CodeVersion(FrozenBaseModel):
    """The code that wrote a bundle."""

    marquee: str = __version__
    git_commit: str | None = None


class Manifest(FrozenBaseModel):
    """The content of `manifest.json`. It is written last, so a folder without one is not a bundle."""

    schema_version: int = Field(SCHEMA_VERSION, ge=1, le=SCHEMA_VERSION)
    version: Version
    """Time of writing, and the first 8 hex digits of `content_hash`."""
    created: datetime
    files: tuple[FileEntry, ...]
    n_movies: int = Field(ge=1)
    dimensions: int = Field(ge=1)
    shapes: dict[str, dict[str, list[int]]]
    """Per .safetensors file, the shape of every array."""
    metrics: Metrics = Metrics()
    data: DataInfo
    config: dict[str, JsonValue] = {}
    """The training configuration."""
    code_version: CodeVersion = CodeVersion()
    requires: str = Field(REQUIRES, pattern=r"^marquee>=\d+(\.\d+)*$")

    def to_bytes(self) -> bytes:
        """The file's bytes; a reader accepts no other spelling of the same values."""
        return _canonical(self.model_dump(mode="json"))

    def sha256(self) -> str:
        """Hex sha256 of the file, which the pointer repeats."""
        return hashlib.sha256(self.to_bytes()).hexdigest()

    def content_hash(self) -> str:
        """Hex sha256 of everything but the time of writing: equal contents have equal hashes."""
        return hashlib.sha256(_canonical(self.model_dump(mode="json", exclude={"version", "created"}))).hexdigest()


def stamped(draft: Manifest, created: datetime) -> Manifest:
    """The manifest with its time of writing (in whole seconds, UTC) and the version that follows from it."""
    created = created.astimezone(UTC).replace(microsecond=0)
    version = f"{created:{_TIME_FORMAT}}-{draft.content_hash()[:8]}"
    return draft.model_copy(update={"created": created, "version": version})


def time_of(version: str) -> datetime:
    """The time in a version's name, UTC."""
    return datetime.strptime(version[:20], _TIME_FORMAT).replace(tzinfo=UTC)


def parse_manifest(raw: bytes, where: str) -> Manifest:
    """Parse the bytes of a manifest and verify its content hash; `where` is the file's name, for messages."""
    try:
        document = from_json(raw, allow_inf_nan=False)
    except ValueError as error:
        raise BundleError(f"{where} is not JSON: {error}", fix=REPAIR) from None
    _refuse_newer(document if isinstance(document, dict) else {}, where)
    try:
        manifest = Manifest.model_validate(document)
    except ValidationError as error:
        raise BundleError(f"{where} is not a bundle's manifest: {first_problem(error)}", fix=REPAIR) from None
    if manifest.to_bytes() != raw or stamped(manifest, manifest.created).version != manifest.version:
        raise BundleError(f"{where} was altered after it was written", fix=REPAIR)
    return manifest


def first_problem(error: ValidationError) -> str:
    """Location and message of pydantic's first error."""
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"])
    return f"{place}: {first['msg']}" if place else first["msg"]


def _refuse_newer(document: dict[str, Any], where: str) -> None:
    schema, requires = document.get("schema_version"), document.get("requires")
    if isinstance(schema, int) and schema > SCHEMA_VERSION:
        message = f"{where} has schema_version {schema}; marquee {__version__} reads up to {SCHEMA_VERSION}"
        raise BundleError(message, fix=_UPGRADE)
    if isinstance(requires, str) and _numbers(requires) > _numbers(__version__):
        raise BundleError(f"{where} requires {requires}; this is marquee {__version__}", fix=_UPGRADE)


def _numbers(text: str) -> tuple[int, ...]:
    match = re.search(r"\d+(\.\d+)*", text)
    return tuple(int(part) for part in match[0].split(".")) if match else ()


def _canonical(document: dict[str, Any]) -> bytes:
    text = json.dumps(document, indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False)
    return f"{text}\n".encode()
