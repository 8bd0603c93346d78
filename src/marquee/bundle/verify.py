"""Looking at bundles without using them: what is wrong, and which versions there are."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from marquee.bundle.examine import Examination, examine
from marquee.bundle.gate import interval, n_people, score
from marquee.bundle.manifest import Manifest, time_of
from marquee.bundle.read import existing, pointer_or_refuse
from marquee.bundle.store import current, is_version_folder, version_names, version_path
from marquee.errors import BundleError


@dataclass(frozen=True)
class Report:
    """What `verify` found.

    Attributes:
        path: The version's folder.
        manifest: The manifest, if it could be read.
        problems: Every problem, each with its file and a fix; empty = the bundle is sound.
    """

    path: Path
    manifest: Manifest | None
    problems: tuple[BundleError, ...]

    @property
    def ok(self) -> bool:
        """Whether the bundle is sound."""
        return not self.problems


@dataclass(frozen=True)
class VersionInfo:
    """One line of `list_versions`.

    Attributes:
        version: The version's name.
        created: Time of writing, UTC.
        current: Whether the pointer names it.
        problem: The first thing that is wrong with it; None where it is complete.
        size: Bytes of all its files.
        n_movies: Films; None where the manifest can't be read.
        ndcg: NDCG@10 of the pipeline at 5 seeds; None where it wasn't measured.
        ci95: Its 95 % interval over people.
        n_people: How many people are behind it.
        data: Name of the data set; empty where the manifest can't be read.
    """

    version: str
    created: datetime
    current: bool
    problem: BundleError | None
    size: int
    n_movies: int | None
    ndcg: float | None
    ci95: tuple[float, float] | None
    n_people: int | None
    data: str

    @property
    def complete(self) -> bool:
        """Whether every file is there and unaltered."""
        return self.problem is None


def verify(path: Path, version: str | None = None) -> Report:
    """Check everything about one version, and report all that is wrong, not just the first thing.

    Args:
        path: A store, or the folder of one version.
        version: Of a store: this version instead of the current one.
    """
    try:
        found = _examine(path, version)
    except BundleError as error:
        return Report(path, None, (error,))
    return Report(found.path, found.manifest, found.problems)


def list_versions(store: Path) -> list[VersionInfo]:
    """The versions of a store, newest first; every file is read and verified, so this takes a while for large ones."""
    try:
        pointer = current(store)
    except BundleError:
        pointer = None  # `verify` reports it; the list is what one needs to repair it
    infos = []
    for name in reversed(version_names(store)):
        is_current = pointer is not None and pointer.version == name
        found = examine(version_path(store, name), pointer.manifest_sha256 if pointer and is_current else None)
        infos.append(_info(name, found, is_current=is_current))
    return infos


def _examine(path: Path, version: str | None) -> Examination:
    if is_version_folder(path):
        return examine(path)
    if version is not None:
        return examine(existing(path, version))
    pointer = pointer_or_refuse(path)
    return examine(version_path(path, pointer.version), pointer.manifest_sha256)


def _info(name: str, found: Examination, *, is_current: bool) -> VersionInfo:
    manifest = found.manifest
    return VersionInfo(
        version=name,
        created=time_of(name),
        current=is_current,
        problem=found.problems[0] if found.problems else None,
        size=sum(file.stat().st_size for file in found.path.rglob("*") if file.is_file()),
        n_movies=manifest.n_movies if manifest else None,
        ndcg=score(manifest.metrics, "pipeline") if manifest else None,
        ci95=interval(manifest.metrics, "pipeline") if manifest else None,
        n_people=n_people(manifest.metrics) if manifest else None,
        data=manifest.data.name if manifest else "",
    )
