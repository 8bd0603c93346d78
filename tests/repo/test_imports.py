"""Imports go one way, and the serving path stays light."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HEAVY = set("torch pandas sklearn scipy pyarrow fastapi starlette boto3 kubernetes rich typer".split())
SERVING_PATH = ("pipeline", "bundle.load", "bundle.watch", "contracts", "settings")
WITH_MORE = ("cli", "client", "data", "retrieval_client", "retrieval_sagemaker")
ALLOWED = {"numpy", "pydantic", "pydantic_core", "pydantic_settings", "safetensors", "marquee"}


def modules(folder):
    return sorted((ROOT / folder).rglob("*.py"))


def imported(path, *, top_level_only=False):
    tree = ast.parse(path.read_text("utf-8"))
    nodes = tree.body if top_level_only else ast.walk(tree)
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield node.module or ""


def root_of(name):
    return name.split(".")[0]


@pytest.mark.parametrize("module", SERVING_PATH)
def test_the_serving_path_pulls_in_nothing_heavy(module):
    code = f"import sys, marquee.{module}; print(*{{name.split('.')[0] for name in sys.modules}})"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    loaded = set(done.stdout.split())
    assert not loaded & HEAVY


def test_the_core_names_only_what_it_may_import():
    for path in modules("src/marquee"):
        if any(path.is_relative_to(ROOT / "src/marquee" / ways_in) for ways_in in WITH_MORE):
            continue
        names = {root_of(name) for name in imported(path, top_level_only=True)}
        assert names <= ALLOWED | set(sys.stdlib_module_names), path


@pytest.mark.parametrize(
    ("folder", "forbidden"),
    [
        ("src/marquee", {"training", "serving", "aws", "tests"}),
        ("training", {"serving", "aws", "tests"}),
        ("serving", {"training", "aws", "tests"}),
    ],
)
def test_imports_go_one_way(folder, forbidden):
    for path in modules(folder):
        if path.is_relative_to(ROOT / "src/marquee/cli"):
            continue  # the command line sits on top of everything
        assert not {root_of(name) for name in imported(path)} & forbidden, path


def test_nothing_below_the_command_line_imports_it():
    for folder in ("src/marquee", "training", "serving"):
        for path in modules(folder):
            if not path.is_relative_to(ROOT / "src/marquee/cli"):
                assert not any(f"{name}.".startswith("marquee_cli.") for name in imported(path)), path


def test_data_and_bundle_do_not_know_each_other():
    for path in modules("src/marquee/bundle"):
        top = set(imported(path, top_level_only=True))
        assert not any(name.startswith("marquee_training.data") for name in top), path
    for path in modules("src/marquee/data"):
        assert not any(name.startswith("marquee.bundle") for name in imported(path)), path
