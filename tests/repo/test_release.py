"""Cutting a release: the notes of a version come out of the changelog."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from marquee import __version__

ROOT = Path(__file__).parents[2]


@pytest.fixture
def checkout(tmp_path):
    for name in (".ci/release-notes", "CHANGELOG.md", "src/marquee/__init__.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


def notes(checkout, version):
    return subprocess.run([checkout / ".ci/release-notes", version], capture_output=True, text=True, check=False)


def test_a_release_takes_its_section_of_the_changelog(checkout):
    changelog = checkout / "CHANGELOG.md"
    text = changelog.read_text("utf-8")
    section = re.search(r"^## \[Unreleased\]\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)[1]
    released = text.replace("## [Unreleased]", f"## [Unreleased]\n\n## [{__version__}] - 2026-01-01", 1)
    changelog.write_text(released, "utf-8")
    done = notes(checkout, __version__)
    assert done.returncode == 0
    assert done.stdout.strip() == section.strip()


def test_a_version_without_a_section_is_refused(checkout):
    done = notes(checkout, __version__)
    assert done.returncode == 2
    assert "Unreleased" in done.stderr


def test_a_version_that_the_package_does_not_have_is_refused(checkout):
    assert notes(checkout, "99.0.0").returncode == 2
