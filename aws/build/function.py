"""Builds what Lambda is given: the function's zip, a layer of packages, a layer with the bundle."""

from dataclasses import dataclass
from pathlib import Path

from aws.build.archives import Built, files_below, write_zip
from aws.build.parts import ROOT, Arch, bundle_store, core, packages
from marquee.errors import MarqueeError

REQUIREMENTS = ROOT / "aws/requirements-layer.txt"
HANDLER = ROOT / "aws/lambda"
PYTHON = "3.13"
MB = 1024 * 1024
# AWS: 250 MB for function and layers together, unzipped. 10 of them are left free.
LIMIT_UNPACKED = 240 * MB
# AWS: 50 MB for a zip that is uploaded directly; through S3 more is possible, but small packages start sooner.
LIMIT_PACKED = 50 * MB
# What the design keeps out of the function; a dependency that brought one of them in would be noticed here.
UNWANTED = ("torch", "pandas", "scipy", "sklearn", "fastapi", "starlette", "pyarrow", "boto3", "botocore")


@dataclass(frozen=True)
class Function:
    """Built archives, and the bundle's version in them."""

    code: Built
    packages: Built
    bundle: Built
    version: str

    @property
    def unpacked(self) -> int:
        """Bytes on Lambda's disk."""
        return self.code.unpacked + self.packages.unpacked + self.bundle.unpacked


def build_code(target: Path) -> Built:
    """Write the function's zip: the handler and the core, which Lambda unpacks to /var/task."""
    files = files_below(HANDLER, "", (".py",))
    return write_zip(target, files | core(""))


def build_packages(target: Path, arch: Arch) -> Built:
    """Write the layer of packages, unpacked to /opt/python.

    Raises:
        MarqueeError: A wheel is missing, or something came along that the design keeps out.
    """
    files = packages(REQUIREMENTS, PYTHON, arch, "python/")
    roots = {name.split("/")[1] for name in files}
    if found := sorted(roots & set(UNWANTED)):
        raise MarqueeError(f"the layer would hold {', '.join(found)}", fix="see aws/requirements-layer.txt")
    return write_zip(target, files)


def build_bundle(bundle: Path, target: Path) -> tuple[str, Built]:
    """Write the layer with the bundle, unpacked to /opt/marquee; and its version's name.

    Raises:
        BundleError: There is no bundle, or it is damaged.
    """
    version, files = bundle_store(bundle, "marquee/")
    # Reports for people are part of the version, so they come along: the manifest lists them.
    return version, write_zip(target, files)


def build_function(bundle: Path, folder: Path, arch: Arch) -> Function:
    """Write all three.

    Args:
        bundle: A store, or the folder of one version.
        folder: Gets function.zip, packages-ARCH.zip and bundle.zip.
        arch: The function's processor.

    Raises:
        MarqueeError: As the parts, or an archive is over Lambda's limits.
    """
    version, data = build_bundle(bundle, folder / "bundle.zip")
    made = Function(
        build_code(folder / "function.zip"), build_packages(folder / f"packages-{arch}.zip", arch), data, version
    )
    check_sizes(made)
    return made


def check_sizes(made: Function) -> None:
    """Lambda's limits, before AWS says so.

    Raises:
        MarqueeError: Naming the archive, its size, the limit, and what can be done.
    """
    for built in (made.code, made.packages, made.bundle):
        if built.packed > LIMIT_PACKED:
            raise MarqueeError(
                f"{built.path.name} has {built.packed / MB:.1f} MB, the limit is {LIMIT_PACKED // MB}",
                fix="a smaller catalogue or fewer dimensions; for packages, see aws/requirements-layer.txt",
            )
    if made.unpacked > LIMIT_UNPACKED:
        raise MarqueeError(
            f"function and layers have {made.unpacked / MB:.1f} MB unpacked, the limit is {LIMIT_UNPACKED // MB}",
            fix="a smaller catalogue or fewer dimensions",
        )
