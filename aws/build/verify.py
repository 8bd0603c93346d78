"""Opens built archives as AWS would, and says what would fail there later, or shouldn't be in them at all."""

import tarfile
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath

from aws.build.archives import EPOCH
from aws.build.function import UNWANTED
from aws.build.model import HARMLESS
from marquee.bundle.store import POINTER_NAME, VERSIONS

# Of the toolkit's hooks; aws/sagemaker/inference.py has them.
HOOKS = ("def model_fn(", "def input_fn(", "def predict_fn(", "def output_fn(")
PICKLES = (".pkl", ".pickle", ".pt", ".pth", ".joblib", ".npz", ".pyc")


def model_problems(path: Path) -> Iterator[str]:
    """What is wrong with a model.tar.gz; nothing, if it is as `make aws-build` makes it."""
    with tarfile.open(path) as archive:
        members = archive.getmembers()
        names = [member.name for member in members]
        if strange := [member.name for member in members if not member.isfile()]:
            yield f"{strange[0]} is no plain file"
        yield from _named_badly(names)
        if POINTER_NAME not in names:
            yield f"{POINTER_NAME} is not at the root, so no bundle is found"
        if code := [name for name in names if name.startswith("code/")]:
            if "code/requirements.txt" in names:
                yield "code/requirements.txt would be installed at start, which needs a network"
            inference = archive.extractfile("code/inference.py") if "code/inference.py" in code else None
            text = inference.read().decode() if inference else ""
            yield from (f"code/inference.py has no {hook[4:-1]}" for hook in HOOKS if hook not in text)
        data = [name for name in names if not name.startswith("code/")]
        yield from (f"{name} is no kind of file that a bundle has" for name in data if not name.endswith(HARMLESS))


def zip_problems(path: Path, kind: str) -> Iterator[str]:
    """What is wrong with a zip of Lambda's.

    Args:
        path: The zip.
        kind: function, packages or bundle.
    """
    with zipfile.ZipFile(path) as archive:
        if damaged := archive.testzip():
            yield f"{damaged} is damaged"
        names = archive.namelist()
        if dated := [one.filename for one in archive.infolist() if one.date_time != EPOCH]:
            yield f"{dated[0]} has a date, so the next build would differ"
    yield from _named_badly(names)
    needed = {
        "function": ("lambda_function.py", "marquee/pipeline.py"),
        "packages": ("python/numpy/__init__.py", "python/aws_lambda_powertools/__init__.py"),
        "bundle": (f"marquee/{POINTER_NAME}",),
    }[kind]
    yield from (f"{name} is missing" for name in needed if name not in names)
    roots = {PurePosixPath(name).parts[1] for name in names if name.startswith("python/")}
    yield from (f"{name} is in the layer" for name in sorted(roots & set(UNWANTED)))
    if kind == "bundle" and not any(name.startswith(f"marquee/{VERSIONS}/") for name in names):
        yield "no version of the bundle is in it"


def _named_badly(names: Iterable[str]) -> Iterator[str]:
    for name in names:
        path = PurePosixPath(name)
        if path.is_absolute() or ".." in path.parts:
            yield f"{name} would be unpacked outside of its folder"
        if path.name.startswith("._") or path.suffix in PICKLES:
            yield f"{name} has no business there"
