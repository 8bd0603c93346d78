"""Imports of the package go one way, as its first lines say."""

import ast
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[4] / "training" / "evaluation"
LAYERS = [
    {"cases", "intervals"},
    {"ranking"},
    {"accuracy"},
    {"beyond", "baselines", "rounds", "product"},
    {"tuning", "temporal", "cold_items"},
    {"rows", "protocols"},
    {"judge"},
    {"summary", "report"},
]
BOTTOM = {"cases", "intervals", "ranking", "accuracy", "beyond"}
KNOWN_BELOW = {"marquee_training.interactions"}


def imported(name):
    tree = ast.parse((FOLDER / f"{name}.py").read_text("utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("training"):
            if node.module == "marquee_training.evaluation":
                yield from (f"training.evaluation.{alias.name}" for alias in node.names)
            else:
                yield node.module


def test_every_file_has_its_layer():
    assert {path.stem for path in FOLDER.glob("*.py")} - {"__init__"} == set().union(*LAYERS)


@pytest.mark.parametrize("height", range(len(LAYERS)))
def test_a_layer_imports_lower_ones_alone(height):
    below = {f"training.evaluation.{name}" for layer in LAYERS[:height] for name in layer}
    for name in LAYERS[height]:
        own = {module for module in imported(name) if module.startswith("marquee_training.evaluation.")}
        assert own <= below, name


@pytest.mark.parametrize("name", sorted(BOTTOM))
def test_what_the_training_loop_uses_knows_no_model(name):
    others = {module for module in imported(name) if not module.startswith("marquee_training.evaluation.")}
    assert others <= KNOWN_BELOW
