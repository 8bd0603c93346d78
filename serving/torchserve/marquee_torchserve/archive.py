"""Builds the model archive two_tower.mar (`make mar`): code only, reproducible byte for byte."""

import json
import sys
import zipfile
from pathlib import Path

from marquee import __version__
from marquee.retrieval.wire import MODEL_NAME

HERE = Path(__file__).parent
_EPOCH = (1980, 1, 1, 0, 0, 0)
_MANIFEST = {
    "createdOn": "01/01/1980 00:00:00",
    "runtime": "python",
    "model": {
        "modelName": MODEL_NAME,
        "handler": "handler.py",
        "modelVersion": __version__,
        "configFile": "model-config.yaml",
    },
    "archiverVersion": "0.12.0",
}


def build(folder: Path) -> Path:
    """Write the archive into a folder, and return its path.

    The layout is torch-model-archiver's, which needs a model file that we don't have: the vectors are in the bundle.
    """
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / f"{MODEL_NAME}.mar"
    files = {
        "MAR-INF/MANIFEST.json": json.dumps(_MANIFEST, indent=2).encode(),
        "handler.py": (HERE / "handler.py").read_bytes(),
        "model-config.yaml": (HERE / "model-config.yaml").read_bytes(),
    }
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name, _EPOCH), content)
    return target


if __name__ == "__main__":
    print(build(Path(sys.argv[1])))
