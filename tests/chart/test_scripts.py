"""The scripts of k8s/ and .ci/images, where docker, kind, kubectl and helm only note how they were called."""

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def run(tmp_path):
    """run(script, *arguments, **environment) -> every call of a program, as a line."""

    def call(script, *arguments, **environment):
        calls = tmp_path / "calls"
        for program in ("docker", "kind", "kubectl", "helm"):
            stub = tmp_path / program
            stub.write_text(f'#!/bin/sh\necho {program} "$@" >> {calls}\n')
            stub.chmod(0o755)
        calls.write_text("")
        kept = {key: os.environ[key] for key in ("HOME", "LANG") if key in os.environ}
        kept["PATH"] = f"{tmp_path}:{os.environ['PATH']}"
        command = [str(ROOT / script), *arguments]
        done = subprocess.run(
            command, check=False, env={**kept, **environment}, capture_output=True, text=True, cwd=ROOT
        )
        assert done.returncode == 0, done.stderr
        return calls.read_text("utf-8").splitlines()

    return call


def test_a_tag_of_digits_stays_text(run):
    (call,) = [line for line in run("k8s/install", TAG="20261124") if " upgrade --install " in line]
    assert "--set-string image.tag=20261124" in call
    assert "image.registry" not in call


def test_images_of_a_registry_are_loaded_and_installed(run):
    names = {"REGISTRY": "registry.example.com/films/", "TAG": "v1"}
    (call,) = [line for line in run("k8s/install", **names) if " upgrade --install " in line]
    assert "image.registry=registry.example.com/films " in f"{call} "
    (load,) = [line for line in run("k8s/kind-load", **names) if line.startswith("kind load")]
    assert load.split()[5:] == [
        f"registry.example.com/films/marquee-{name}:v1"
        for name in ("training", "retrieval", "reranker", "retrieval-kserve")
    ]


def test_images_are_pushed_when_asked(run):
    names = {"REGISTRY": "registry.example.com/films", "TAG": "0.1.0", "PYTHON": "true"}
    assert not [line for line in run(".ci/images", **names) if line.startswith("docker push")]
    pushed = {line.split()[-1] for line in run(".ci/images", **names, PUSH="1") if line.startswith("docker push")}
    images = ("reranker", "training", "retrieval", "retrieval-kserve")
    assert pushed == {f"registry.example.com/films/marquee-{image}:0.1.0" for image in images}


def test_uninstall_takes_the_tests_pods_along(run):
    calls = run("k8s/uninstall")
    gone = [number for number, line in enumerate(calls) if "delete pod" in line and "component=test" in line]
    assert len(gone) == 1
