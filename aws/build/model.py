"""Builds model.tar.gz: a bundle store at its root, and `inference.py` with all that it needs in code/."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from aws.build.archives import Built, write_tar_gz
from aws.build.parts import ROOT, Arch, bundle_store, core, packages
from marquee.errors import MarqueeError

REQUIREMENTS = ROOT / "aws/requirements-model.txt"
INFERENCE = ROOT / "aws/sagemaker/inference.py"
# AWS's last PyTorch image for inference has 3.12. Compiled modules name their version, so more can be added.
PYTHONS = ("3.12",)
HARMLESS = (".safetensors", ".json", ".csv", ".png")
# SageMaker's serverless endpoints download the archive within their three minutes of start.
LIMIT = 1024 * 1024 * 1024


@dataclass(frozen=True)
class Model:
    """A built archive, and the bundle's version in it."""

    built: Built
    version: str


def build_model(
    bundle: Path, target: Path, *, pythons: Sequence[str] = PYTHONS, arch: Arch = "x86_64", with_code: bool = True
) -> Model:
    """Write model.tar.gz.

    Args:
        bundle: A store, or the folder of one version.
        target: The archive's path.
        pythons: Versions of the interpreters that may load code/.
        arch: Of the machines.
        with_code: Whether code/ is there: our own image doesn't need it.

    Raises:
        BundleError: There is no bundle, or it is damaged.
        MarqueeError: A wheel is missing, or the bundle holds a kind of file that could run code.
    """
    version, files = bundle_store(bundle, "")
    if strange := [name for name in files if not name.endswith(HARMLESS)]:
        raise MarqueeError(f"{strange[0]} is no kind of file that a bundle has", fix=f"only {', '.join(HARMLESS)}")
    if with_code:
        for python in pythons:
            files |= packages(REQUIREMENTS, python, arch, "code/")
        files |= core("code/") | {"code/inference.py": INFERENCE.read_bytes()}
    built = write_tar_gz(target, files)
    if built.packed > LIMIT:
        raise MarqueeError(
            f"{target.name} has {built.packed / 2**20:.0f} MB, more than a serverless endpoint loads in time",
            fix="choose instances (EndpointMode=instance) and raise aws.build.model.LIMIT",
        )
    return Model(built, version)
