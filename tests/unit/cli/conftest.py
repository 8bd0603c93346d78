"""Runs the command line in process."""

from functools import partial

import pytest

from tests.programs import run_marquee


@pytest.fixture
def run(monkeypatch, capsys):
    """`run("list", "--json") -> (exit code, stdout, stderr)`."""
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.delenv("MARQUEE_DATA_DIR", raising=False)  # of who runs the tests

    return partial(run_marquee, monkeypatch, capsys)
