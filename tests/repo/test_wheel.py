"""The wheel, built and installed into an empty environment as a user would: names of ours only, and it recommends."""

import json
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
UV = Path(sys.executable).with_name("uv")


def run(*command, cwd):
    """Output of a command that doesn't see this repository's code."""
    ours = {"PYTHONPATH", "VIRTUAL_ENV"}
    clean = {name: value for name, value in os.environ.items() if name not in ours and not name.startswith("MARQUEE_")}
    done = subprocess.run([*map(str, command)], check=False, capture_output=True, text=True, cwd=cwd, env=clean)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    run(UV, "build", "--quiet", "--wheel", "--out-dir", folder, ROOT, cwd=folder)
    (path,) = folder.glob("*.whl")
    return path


@pytest.mark.slow
def test_only_names_of_ours_are_installed(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    packages = {name.split("/")[0] for name in names if ".dist-info/" not in name}
    assert packages == {"marquee", "marquee_cli", "marquee_training", "marquee_reranker", "marquee_torchserve"}
    # What .gitignore names is left out, and it names folders called "data".
    tracked = run("git", "ls-files", "src", "training", "serving", cwd=ROOT).splitlines()
    ends = [re.sub(r"^(src|training|serving/\w+)/", "", name) for name in tracked if "Dockerfile" not in name]
    assert {name for name in ends if name.startswith("marquee")} <= set(names)


@pytest.mark.slow
def test_in_an_empty_environment_it_recommends(wheel, tmp_path):
    run(UV, "venv", "--quiet", "--python", sys.executable, tmp_path / "empty", cwd=tmp_path)
    binaries = tmp_path / "empty" / "bin"
    install = [UV, "pip", "install", "--quiet", "--python", binaries / "python"]
    run(*install, "--constraints", ROOT / "constraints.txt", f"{wheel}[cli]", cwd=tmp_path)
    assert "recommend" in run(binaries / "marquee", "--help", cwd=tmp_path)
    sample = ROOT / "artifacts" / "sample"
    liked = json.loads(next(sample.rglob("catalog.json")).read_text("utf-8"))["titles"][0]
    answer = run(binaries / "marquee", "recommend", "-s", sample, "--like", liked, "-n", 5, "--json", cwd=tmp_path)
    assert len(json.loads(answer)["recommendations"]) == 5
