"""What `make aws-build` leaves in build/aws, and where it goes: named by content, so the same is never sent twice."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, cast

from aws.build.archives import Built
from aws.build.function import LIMIT_PACKED, LIMIT_UNPACKED, MB, build_function
from aws.build.model import build_model
from aws.build.parts import Arch
from marquee.errors import MarqueeError

MANIFEST = "manifest.json"
# Parameter of the app stack -> (file, where it lies in the bucket).
KEYS = {
    "ModelKey": ("model", "models/{sha256}/model.tar.gz"),
    "FunctionKey": ("function", "functions/{sha256}.zip"),
    "PackagesKey": ("packages", "layers/{sha256}.zip"),
    "BundleKey": ("bundle", "layers/{sha256}.zip"),
}


@dataclass(frozen=True)
class Artifact:
    """A built file: its name in the folder, sha256 and sizes in bytes."""

    name: str
    sha256: str
    packed: int
    unpacked: int


@dataclass(frozen=True)
class Artifacts:
    """Everything that one build made, by what it is: model, function, packages, bundle."""

    folder: Path
    version: str
    arch: Arch
    files: dict[str, Artifact]

    def keys(self) -> dict[str, str]:
        """The app stack's parameters that name these artifacts."""
        return {name: place.format(sha256=self.files[what].sha256) for name, (what, place) in KEYS.items()}

    def table(self) -> str:
        """Sizes beside Lambda's limits, for people."""
        rows = [f"{'':10}{'MB':>8}{'unpacked':>10}  sha256"]
        for what, one in self.files.items():
            rows.append(f"{what:10}{one.packed / MB:8.1f}{one.unpacked / MB:10.1f}  {one.sha256[:16]}")
        used = sum(one.unpacked for what, one in self.files.items() if what != "model")
        rows.append(
            f"function and layers: {used / MB:.0f} of {LIMIT_UNPACKED // MB} MB; each {LIMIT_PACKED // MB} packed"
        )
        return "\n".join(rows)


def build(bundle: Path, folder: Path, arch: Arch, python: str) -> Artifacts:
    """Build everything, and note it in a manifest.

    Args:
        bundle: A store, or the folder of one version.
        folder: Gets the files.
        arch: The function's processor.
        python: Of AWS's PyTorch image, for the archive's code/; our own image doesn't look at it.

    Raises:
        MarqueeError: A part can't be built, or is too large.
    """
    model = build_model(bundle, folder / "model.tar.gz", pythons=(python,)).built
    made = build_function(bundle, folder, arch)
    built = {"model": model, "function": made.code, "packages": made.packages, "bundle": made.bundle}
    return note(folder, made.version, arch, built)


def note(folder: Path, version: str, arch: Arch, built: Mapping[str, Built]) -> Artifacts:
    """Write the manifest of what was built."""
    files = {what: Artifact(one.path.name, one.sha256, one.packed, one.unpacked) for what, one in built.items()}
    content = {"version": version, "arch": arch, "files": {what: asdict(one) for what, one in files.items()}}
    (folder / MANIFEST).write_text(json.dumps(content, indent=1) + "\n")
    return Artifacts(folder, version, arch, files)


def read(folder: Path) -> Artifacts:
    """What was built, every file checked against its hash.

    Raises:
        MarqueeError: Nothing was built, or a file was changed since.
    """
    try:
        content: dict[str, Any] = json.loads((folder / MANIFEST).read_text())
    except (OSError, ValueError):
        raise MarqueeError(f"no artifacts in {folder}", fix="make aws-build") from None
    files = {what: Artifact(**one) for what, one in content["files"].items()}
    for one in files.values():
        path = folder / one.name
        if not path.is_file() or hashlib.sha256(path.read_bytes()).hexdigest() != one.sha256:
            raise MarqueeError(f"{path} is not what was built", fix="make aws-build again")
    return Artifacts(folder, content["version"], cast("Arch", content["arch"]), files)
