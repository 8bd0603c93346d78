"""The Dockerfile: hardened images, and one torch layer for both environments."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "Dockerfile").read_text("utf-8")
STAGES = {
    re.search(r" AS (\S+)$", stage.splitlines()[0])[1]: stage
    for stage in re.split(r"^FROM ", TEXT, flags=re.MULTILINE)[1:]
}
IMAGES = ("reranker", "retrieval", "retrieval-kserve", "training", "sagemaker")


def pins(name):
    return set((ROOT / name).read_text("utf-8").splitlines())


def test_what_the_torch_layer_holds_is_pinned_alike_for_both_environments():
    names = re.search(r"grep -E '\^\(([a-z0-9|-]+)\)=='", TEXT)[1].split("|")
    work, retrieval = pins("constraints.txt"), pins("constraints-retrieval.txt")
    assert {"numpy", "sympy"} <= set(names)
    for name in names:
        wanted = {line for line in work if line.startswith(f"{name}==")}
        assert wanted
        assert wanted == {line for line in retrieval if line.startswith(f"{name}==")}


def test_every_extra_bounds_torch_alike():
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["optional-dependencies"]
    bounds = {line for lines in extras.values() for line in lines if re.match(r"torch[<=>]", line)}
    assert len(bounds) == 1


def test_every_entry_point_is_an_image():
    assert {name for name, stage in STAGES.items() if "\nENTRYPOINT" in stage} == set(IMAGES)


@pytest.mark.parametrize("name", IMAGES)
def test_images_are_hardened(name):
    stage = STAGES[name]
    assert "\nUSER 10001:10001\n" in stage
    # SageMaker supports no tini as the entry point.
    entry = r'\["python3", ' if name == "sagemaker" else r'\["/usr/bin/tini", '
    assert re.search(f"^ENTRYPOINT {entry}", stage, re.MULTILINE)
    assert "pip" not in stage
    parent = stage.split()[0]
    while parent in STAGES:  # every ancestor comes from the base image, which has no pip
        name, parent = parent, STAGES[parent].split()[0]
    assert name == "base"
