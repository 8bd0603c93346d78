"""The rules of the house that can be counted."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LIMITS = {"Makefile": 130, "README.md": 150}
CODE = (".py", ".js", ".css", ".html", ".sh")
# What lies on one machine only, and hosts that users reach by their own configuration.
LEAKS = re.compile(
    # Put together from pieces, so that this file names none of them either.
    "|".join(f"/{'/'.join(path)}" for path in (("work", ""), ("opt", "lab"), ("root", "")))
    + "|"
    + "|".join(re.escape(".".join(host)) for host in (("files", "pythonhosted", "org"), ("pypi", "org/simple")))
    + "|"
    + re.escape(".".join(("registry", "npmjs")))
)


def tracked():
    """Files that git tracks or would, relative to the root; the whole tree where there is no git."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=False,
        capture_output=True,
        text=True,
    )
    if listed.returncode == 0:
        names = listed.stdout.splitlines()
    else:
        names = [str(path.relative_to(ROOT)) for path in ROOT.rglob("*") if ".venv" not in path.parts]
    return [ROOT / name for name in names if (ROOT / name).is_file()]


def lines(path):
    return len(path.read_text("utf-8").splitlines())


@pytest.mark.parametrize(("name", "limit"), LIMITS.items())
def test_first_pages_stay_short(name, limit):
    assert lines(ROOT / name) <= limit


def test_no_file_is_long():
    long = {str(path): lines(path) for path in tracked() if path.suffix in CODE and lines(path) > 400}
    assert not long


def test_files_are_small_as_a_rule():
    sizes = sorted(lines(path) for folder in ("src", "training", "serving") for path in (ROOT / folder).rglob("*.py"))
    assert sizes[len(sizes) // 2] <= 150


def test_decisions_are_short_and_complete():
    records = sorted((ROOT / "docs/adr").glob("*.md"))
    assert [int(path.name[:4]) for path in records] == list(range(1, len(records) + 1))
    for path in records:
        text = path.read_text("utf-8")
        assert lines(path) <= 60, path
        for heading in ("Context", "Decision", "Alternatives", "Consequences", "How we would know it was wrong"):
            assert f"## {heading}" in text, path


def test_nothing_of_one_machine_is_committed():
    for path in tracked():
        if path.suffix in {".png", ".safetensors", ".ico"} or path == Path(__file__):
            continue
        found = LEAKS.search(path.read_text("utf-8", errors="replace"))
        assert found is None, f"{path}: {found and found[0]}"


def test_no_big_files_and_no_movielens():
    for path in tracked():
        assert path.stat().st_size < 1_000_000, path
        assert path.name not in {"ratings.csv", "rating.csv", "ratings.dat", "u.data", "links.csv"}, path


def test_the_sample_bundle_holds_only_harmless_kinds_of_file():
    files = [path for path in (ROOT / "artifacts/sample").rglob("*") if path.is_file()]
    assert files
    assert {path.suffix for path in files} <= {".safetensors", ".json", ".csv", ".png"}


def test_relative_links_lead_somewhere():
    for page in [path for path in tracked() if path.suffix == ".md"]:
        for target in re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", page.read_text("utf-8")):
            if "://" not in target and not target.startswith("mailto:"):
                assert (page.parent / target).exists(), f"{page}: {target}"


@pytest.mark.parametrize("name", ["Makefile", "aws/Makefile"])
def test_make_help_lists_every_target(name):
    text = (ROOT / name).read_text()
    phony = set(re.search(r"\.PHONY: ((?:.|\\\n)*?)\n\n", text)[1].replace("\\\n", " ").split())
    described = set(re.findall(r"^([a-z-]+):.*## ", text, re.MULTILINE))
    assert phony == described
