"""What goes into the archives: the core, a bundle, and packages for a machine that isn't this one."""

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from aws.build.archives import files_below
from marquee.bundle import load
from marquee.bundle.store import POINTER_NAME, VERSIONS, Pointer, is_version_folder, version_path
from marquee.errors import MarqueeError

ROOT = Path(__file__).parents[2]
Arch = Literal["x86_64", "arm64"]

# Neither training's data nor the command line is of use in a function or a container that only retrieves.
NOT_SHIPPED = ("client/", "retrieval/http.py", "retrieval/connections.py")
# Amazon Linux 2023 has glibc 2.34; wheels name the oldest that they run on.
_PLATFORMS = {"x86_64": "x86_64-manylinux_2_28", "arm64": "aarch64-manylinux_2_28"}
# Left out of packages: tests and type stubs, C headers, and what pip notes about the installation.
_USELESS = ("/tests/", "/test/", "/include/", "/f2py/", "/_pyinstaller/", "/direct_url.json", "/INSTALLER", "/RECORD")
_USELESS_ENDINGS = (".pyi", ".pyc", ".h", ".pxd", ".lib", ".a", "/REQUESTED", "/uv_cache.json", "/py.typed")


def core(prefix: str, *, without: Sequence[str] = NOT_SHIPPED) -> dict[str, bytes]:
    """The package `marquee`, without what can't be of use."""
    files = files_below(ROOT / "src/marquee", "", (".py",))
    return {f"{prefix}marquee/{name}": raw for name, raw in files.items() if not name.startswith(tuple(without))}


def bundle_store(path: Path, prefix: str) -> tuple[str, dict[str, bytes]]:
    """A store with one version in it, and a pointer to that.

    Args:
        path: A store, whose current version is taken, or the folder of one version.
        prefix: Put before each path.

    Returns:
        The version's name, and its files.

    Raises:
        BundleError: There is no bundle, or it is damaged.
    """
    bundle = load(path)  # every byte is verified
    version = bundle.version
    folder = path if is_version_folder(path) else version_path(path, version)
    pointer = Pointer(version=version, manifest_sha256=bundle.manifest.sha256(), previous=None)
    files = files_below(folder, f"{prefix}{VERSIONS}/{version}/")
    return version, files | {prefix + POINTER_NAME: pointer.model_dump_json().encode()}


def packages(requirements: Path, python: str, arch: Arch, prefix: str) -> dict[str, bytes]:
    """Packages as wheels for another machine, pinned by version and hash.

    Args:
        requirements: Made by `make constraints`.
        python: Version of the interpreter they are for, such as 3.13.
        arch: Its processor.
        prefix: Put before each path.

    Raises:
        MarqueeError: There is no installer, or a wheel is missing.
    """
    uv = shutil.which("uv") or str(Path(sys.executable).with_name("uv"))
    if not Path(uv).exists():
        raise MarqueeError("uv, which fetches wheels for other machines, is missing", fix="make setup")
    with tempfile.TemporaryDirectory() as folder:
        command = [uv, "pip", "install", "--quiet", "--no-config", "--target", folder, "--only-binary", ":all:"]
        command += ["--python-version", python, "--python-platform", _PLATFORMS[arch], "--no-compile-bytecode"]
        command += ["--require-hashes", "--no-deps", "--link-mode", "copy", "--requirement", str(requirements)]
        done = subprocess.run(command, check=False, capture_output=True, text=True)  # noqa: S603 - a list, no shell
        if done.returncode:
            why = done.stderr.strip()[-600:]
            raise MarqueeError(
                f"no wheels for Python {python} on {arch}: {why}", fix="check the index; make constraints"
            )
        found = files_below(Path(folder), "/")
    kept = {name: raw for name, raw in found.items() if not _is_useless(name)}
    return {prefix + name.removeprefix("/"): raw for name, raw in kept.items()}


def _is_useless(name: str) -> bool:
    # Licences stay: the archives are copies of the packages, and their licences ask for it.
    return any(part in name for part in _USELESS) or name.endswith(_USELESS_ENDINGS) or name.startswith("/bin/")
