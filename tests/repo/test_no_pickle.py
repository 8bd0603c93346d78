"""No pickle, in or out; one file may read the older layout's, through an allow-list."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = sorted(
    path for folder in ("src", "training", "serving", "benchmarks") for path in (ROOT / folder).rglob("*.py")
)
RESTRICTED = ROOT / "training/marquee_training/legacy/restricted_pickle.py"
MODULES = {"pickle", "cPickle", "_pickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}


def calls(tree):
    return (node for node in ast.walk(tree) if isinstance(node, ast.Call))


def name_of(call):
    return ast.unparse(call.func)


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_sources(path):
    tree = ast.parse(path.read_text("utf-8"))
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add((node.module or "").split(".")[0])
    if path != RESTRICTED:
        assert not names & MODULES
    for call in calls(tree):
        given = {keyword.arg: ast.unparse(keyword.value) for keyword in call.keywords}
        assert given.get("allow_pickle", "False") == "False"
        assert name_of(call) not in {"torch.save", "pd.read_pickle", "pandas.read_pickle"}
        assert not name_of(call).endswith(".to_pickle")
        if name_of(call) == "torch.load":
            assert given.get("weights_only") == "True"
        if path == RESTRICTED:
            assert name_of(call) not in {"pickle.load", "pickle.loads", "pickle.dump", "pickle.dumps"}


def test_the_sample_bundle_holds_only_harmless_kinds_of_file():
    files = [path for path in (ROOT / "artifacts/sample").rglob("*") if path.is_file()]
    assert files
    assert {path.suffix for path in files} <= {".safetensors", ".json", ".csv", ".png"}
