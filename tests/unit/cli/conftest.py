"""Runs the command line in process."""

import sys

import pytest

from marquee_cli.main import main


@pytest.fixture
def run(monkeypatch, capsys):
    """`run("list", "--json") -> (exit code, stdout, stderr)`."""
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.delenv("MARQUEE_DATA_DIR", raising=False)  # of who runs the tests

    def go(*arguments):
        monkeypatch.setattr(sys, "argv", ["marquee", *map(str, arguments)])
        code = 0
        try:
            main()
        except SystemExit as stop:
            code = stop.code or 0
        said = capsys.readouterr()
        return code, said.out, said.err

    return go
