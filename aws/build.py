"""Build the archives for AWS in build/aws: model.tar.gz, the function's zip, two layers, and a manifest of hashes.

`python -m aws.build` builds from STORE for ARCH, `python -m aws.build verify` checks what was built.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal, cast

from aws.archives import Built, problems, write_tar_gz, write_zip
from marquee.bundle import Bundle, load
from marquee.bundle.address import Place, open_store
from marquee.bundle.store import CURRENT, VERSIONS, Pointer, pointer_name
from marquee.errors import MarqueeError

ROOT = Path(__file__).parents[1]
FOLDER = Path("build/aws")
MANIFEST = "manifest.json"
Arch = Literal["x86_64", "arm64"]
MB = 1024 * 1024
BUNDLE_FILES = (".safetensors", ".json", ".csv", ".png")  # none can run code
LIMIT_UNPACKED = 240 * MB  # AWS allows 250 MB for function and layers together
LIMIT_PACKED = 50 * MB  # AWS's limit for a direct upload; S3 allows more, but small packages start sooner
LIMIT_MODEL = 1024 * MB  # a serverless endpoint has three minutes to download it and start
LAMBDA_PYTHON = "3.13"
# AWS's last PyTorch image for inference has 3.12. Only code/ of the archive depends on it; our own image ignores that.
IMAGE_PYTHON = "3.12"
# Amazon Linux 2023 has glibc 2.34; wheels name the oldest one that they run on.
PLATFORMS = {"x86_64": "x86_64-manylinux_2_28", "arm64": "aarch64-manylinux_2_28"}
# Not needed by the function, nor by a container that only retrieves.
NOT_SHIPPED = ("client.py", "retrieval/http.py", "bundle/bucket_store.py", "bundle/lease.py")
# Licences stay: the archives are copies of the packages.
USELESS = ("/tests/", "/test/", "/include/", "/f2py/", "/_pyinstaller/", "/direct_url.json", "/INSTALLER", "/RECORD")
USELESS_ENDINGS = (".pyi", ".pyc", ".h", ".pxd", ".lib", ".a", "/REQUESTED", "/uv_cache.json", "/py.typed")


def build(place: Place, folder: Path, arch: Arch, python: str = IMAGE_PYTHON) -> dict[str, Any]:
    """Build all archives of a store (a folder or a bucket), or of one version's folder, and write the manifest.

    `arch` is the function's processor, `python` the version of Python in AWS's PyTorch image.

    Raises:
        BundleError: The bundle is missing or damaged.
        MarqueeError: A wheel is missing, or an archive is over a limit.
    """
    bundle, store = bundle_store(place)
    built = {"model": build_model(store, folder / "model.tar.gz", python=python), **build_function(store, folder, arch)}
    return write_manifest(folder, bundle, arch, built)


def write_manifest(folder: Path, bundle: Bundle, arch: Arch, built: Mapping[str, Built]) -> dict[str, Any]:
    """Write manifest.json: version, arch, films for the smoke test; each archive's path, sha256, sizes in bytes."""
    files = {what: {**asdict(one), "path": one.path.name} for what, one in built.items()}
    movies = [int(movie) for movie in bundle.catalog.movie_ids[:3]]
    manifest = {"version": bundle.version, "movie_ids": movies, "arch": arch, "files": files}
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=1) + "\n")
    return manifest


def read_manifest(folder: Path) -> dict[str, Any]:
    """Read manifest.json and check all hashes; raises a MarqueeError if a file is missing or was changed."""
    try:
        manifest: dict[str, Any] = json.loads((folder / MANIFEST).read_text())
    except (OSError, ValueError):
        raise MarqueeError(f"no artifacts in {folder}", fix="make aws-build") from None
    for one in manifest["files"].values():
        path = folder / one["path"]
        if not path.is_file() or hashlib.sha256(path.read_bytes()).hexdigest() != one["sha256"]:
            raise MarqueeError(f"{path} is not what was built", fix="make aws-build again")
    return manifest


def size_table(manifest: Mapping[str, Any]) -> str:
    """A table of archive sizes, with Lambda's limits."""
    rows = [f"bundle {manifest['version']}", f"{'':10}{'MB':>8}{'unpacked':>10}  sha256"]
    for what, one in manifest["files"].items():
        rows.append(f"{what:10}{one['packed'] / MB:8.1f}{one['unpacked'] / MB:10.1f}  {one['sha256'][:16]}")
    used = sum(one["unpacked"] for what, one in manifest["files"].items() if what != "model")
    rows.append(f"function and layers: {used / MB:.0f} of {LIMIT_UNPACKED // MB} MB; each {LIMIT_PACKED // MB} packed")
    return "\n".join(rows)


def build_model(store: Mapping[str, bytes], target: Path, *, python: str = "", arch: Arch = "x86_64") -> Built:
    """Write model.tar.gz: a bundle store and, if `python` is given, code/ for SageMaker's PyTorch toolkit.

    Raises:
        MarqueeError: A wheel is missing, the bundle has a file that could run code, or the archive is too large.
    """
    if unknown := [name for name in store if not name.endswith(BUNDLE_FILES)]:
        raise MarqueeError(f"{unknown[0]} is no kind of file that a bundle has", fix=f"only {', '.join(BUNDLE_FILES)}")
    files = dict(store)
    if python:
        files |= _prefix("code", packages(ROOT / "aws/requirements-model.txt", python, arch) | core())
        files["code/inference.py"] = (ROOT / "aws/sagemaker/inference.py").read_bytes()
    built = write_tar_gz(target, files)
    if built.packed > LIMIT_MODEL:
        fix = "choose instances (ENDPOINT_MODE=instance) and raise aws.build.LIMIT_MODEL"
        problem = f"{target.name} has {built.packed / MB:.0f} MB, more than a serverless endpoint loads in time"
        raise MarqueeError(problem, fix=fix)
    return built


def build_function(store: Mapping[str, bytes], folder: Path, arch: Arch) -> dict[str, Built]:
    """Write function.zip (/var/task) and the layers packages-ARCH.zip and bundle.zip (/opt).

    Raises a MarqueeError if a wheel is missing, or an archive is over Lambda's limits.
    """
    own = files_below(ROOT / "aws/lambda", (".py",)) | core()
    wheels = _prefix("python", packages(ROOT / "aws/requirements-layer.txt", LAMBDA_PYTHON, arch))
    built = {
        "function": write_zip(folder / "function.zip", own | bytecode(own, "/var/task")),
        "packages": write_zip(folder / f"packages-{arch}.zip", wheels | bytecode(wheels, "/opt")),
        "bundle": write_zip(folder / "bundle.zip", _prefix("marquee", store)),
    }
    check_sizes(built)
    return built


def check_sizes(built: Mapping[str, Built]) -> None:
    """Raise a MarqueeError for an archive over Lambda's limits."""
    fix = "a smaller catalogue or fewer dimensions; for packages, see aws/requirements-layer.txt"
    for one in built.values():
        if one.packed > LIMIT_PACKED:
            problem = f"{one.path.name} has {one.packed / MB:.1f} MB, the limit is {LIMIT_PACKED // MB}"
            raise MarqueeError(problem, fix=fix)
    unpacked = sum(one.unpacked for one in built.values())
    if unpacked > LIMIT_UNPACKED:
        problem = f"function and layers have {unpacked / MB:.1f} MB unpacked, the limit is {LIMIT_UNPACKED // MB}"
        raise MarqueeError(problem, fix=fix)


def bundle_store(place: Place) -> tuple[Bundle, dict[str, bytes]]:
    """A store's current version, or one version's folder, as a store's files by path; a BundleError if damaged."""
    store = open_store(place)
    bundle = load(store)  # verifies every byte
    folder = store.folder(bundle.version)
    pointer = Pointer(version=bundle.version, manifest_sha256=bundle.manifest.sha256(), previous=None)
    files = _prefix(f"{VERSIONS}/{bundle.version}", files_below(folder))
    return bundle, files | {pointer_name(CURRENT): pointer.model_dump_json().encode()}


def core() -> dict[str, bytes]:
    """The package `marquee`, without modules that AWS does not need."""
    files = files_below(ROOT / "src/marquee", (".py", ".md", ".toml"))
    return _prefix("marquee", {name: raw for name, raw in files.items() if not name.startswith(NOT_SHIPPED)})


def packages(requirements: Path, python: str, arch: Arch) -> dict[str, bytes]:
    """Files of pinned wheels for another machine; raises a MarqueeError if uv or a wheel is missing."""
    uv = shutil.which("uv") or str(Path(sys.executable).with_name("uv"))
    if not Path(uv).exists():
        raise MarqueeError("uv, which downloads wheels for other machines, is missing", fix="make setup")
    with tempfile.TemporaryDirectory() as folder:
        command = [uv, "pip", "install", "--quiet", "--no-config", "--target", folder, "--only-binary", ":all:"]
        command += ["--python-version", python, "--python-platform", PLATFORMS[arch], "--no-compile-bytecode"]
        command += ["--require-hashes", "--no-deps", "--link-mode", "copy", "--requirement", str(requirements)]
        done = subprocess.run(command, check=False, capture_output=True, text=True)  # noqa: S603 - a list, no shell
        if done.returncode:
            problem = f"no wheels for Python {python} on {arch}: {done.stderr.strip()[-600:]}"
            raise MarqueeError(problem, fix="check the index; make constraints")
        return {name: raw for name, raw in files_below(Path(folder)).items() if _is_needed(name)}


def _is_needed(name: str) -> bool:
    path = f"/{name}"
    return not path.startswith("/bin/") and not path.endswith(USELESS_ENDINGS) and not any(map(path.count, USELESS))


def bytecode(files: Mapping[str, bytes], place: str) -> dict[str, bytes]:
    """Bytecode of the Python files, which Lambda unpacks in `place`; none without Lambda's Python on this machine.

    Lambda can't write any, so without it every start compiles all modules: a third of its time. It names no times of
    its sources, which zip and Lambda change.
    """
    uv = shutil.which("uv") or str(Path(sys.executable).with_name("uv"))
    command = [uv, "python", "find", LAMBDA_PYTHON]
    find = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - constants alone
    python = os.environ.get(f"PYTHON{LAMBDA_PYTHON.replace('.', '')}") or find.stdout.strip()
    if not python:
        print(f"note: no Python {LAMBDA_PYTHON} here, so no bytecode: starts take half as long again", file=sys.stderr)
        return {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for path, raw in files.items():
            if path.endswith(".py"):
                (folder / path).parent.mkdir(parents=True, exist_ok=True)
                (folder / path).write_bytes(raw)
        options = ["-q", "--invalidation-mode", "unchecked-hash", "-s", name, "-p", place]
        # Not checked: packages ship files for other versions of Python.
        command = [python, "-I", "-m", "compileall", *options, name]
        subprocess.run(command, capture_output=True, check=False)  # noqa: S603 - the user's own interpreter
        return {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*.pyc"))}


def files_below(folder: Path, suffixes: tuple[str, ...] = ("",)) -> dict[str, bytes]:
    """The contents of a folder's files with these suffixes, by relative path; no bytecode."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and "__pycache__" not in path.parts and path.name.endswith(suffixes)
    }


def _prefix(folder: str, files: Mapping[str, bytes]) -> dict[str, bytes]:
    return {f"{folder}/{name}": raw for name, raw in files.items()}


def main(arguments: list[str]) -> int:
    """Build or verify; returns the exit code."""
    try:
        if arguments == ["verify"]:
            manifest = read_manifest(FOLDER)
            paths = [FOLDER / one["path"] for one in manifest["files"].values()]
            found = [f"{path}: {problem}" for path in paths for problem in problems(path)]
        else:
            if (arch := os.environ.get("ARCH") or "arm64") not in PLATFORMS:
                raise MarqueeError(f"ARCH={arch}", fix="arm64 or x86_64")
            store, python = os.environ.get("STORE") or "artifacts", os.environ.get("IMAGE_PYTHON") or IMAGE_PYTHON
            manifest, found = build(store, FOLDER, cast("Arch", arch), python), []
    except MarqueeError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    print("\n".join(found) or size_table(manifest))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
