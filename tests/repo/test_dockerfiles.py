"""Lines that Dockerfiles must have alike, so that images share layers; Docker's builder of 20.10 has no COPY --link."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
WITH_TORCH = ["serving/torchserve/Dockerfile", "training/Dockerfile"]
DOCKERFILES = ["serving/reranker/Dockerfile", *WITH_TORCH, "aws/sagemaker/Dockerfile"]


def block(name, mark):
    text = (ROOT / name).read_text("utf-8")
    return re.search(rf"^# --- {mark}: .*?\n(.*?)^# --- end of {mark}$", text, re.MULTILINE | re.DOTALL)[1]


def pins(name):
    return set((ROOT / name).read_text("utf-8").splitlines())


def test_shared_stages_are_the_same_text():
    assert len({block(name, "base") for name in DOCKERFILES}) == 1
    assert len({block(name, "torch") for name in WITH_TORCH}) == 1


def test_what_the_torch_layer_holds_is_pinned_alike_for_both_environments():
    names = re.search(r"grep -E '\^\(([a-z0-9|-]+)\)=='", block("training/Dockerfile", "torch"))[1].split("|")
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


@pytest.mark.parametrize("name", DOCKERFILES)
def test_final_stages_are_hardened(name):
    stages = re.split(r"^FROM ", (ROOT / name).read_text("utf-8"), flags=re.MULTILINE)
    final = [stage for stage in stages if "ENTRYPOINT" in stage]
    assert len(final) == (2 if "torchserve" in name else 1)
    for stage in final:
        assert stage.startswith("base")
        assert "\nUSER 10001:10001\n" in stage
        # SageMaker supports no tini as the entry point.
        entry = r'\["python3", ' if "sagemaker" in name else r'\["/usr/bin/tini", '
        assert re.search(f"^ENTRYPOINT {entry}", stage, re.MULTILINE)
        assert "pip" not in stage
