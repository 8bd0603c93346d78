"""`marquee doctor`: facts for a bug report."""

import os
import platform
import sys
from importlib.metadata import PackageNotFoundError, version

import typer

from marquee import __version__
from marquee.errors import MarqueeError
from marquee_cli.options import STORE, Json, Store
from marquee_cli.output import out, print_json, print_table

PACKAGES = ("numpy", "pydantic", "safetensors", "torch", "pandas", "scikit-learn", "fastapi", "uvicorn", "boto3")


def doctor(store: Store = STORE, as_json: Json = False) -> None:
    """Check the installation, the settings and the current bundle."""
    from marquee.settings import usable_cores

    facts = {
        "marquee": __version__,
        "python": f"{platform.python_version()} ({sys.executable})",
        "platform": platform.platform(),
        "cores": usable_cores(),
        **{name: _installed(name) for name in PACKAGES},
        "MARQUEE_ variables": ", ".join(sorted(n for n in os.environ if n.startswith("MARQUEE_"))) or "none",
    }
    healthy = True
    for name, check in {"bundle": lambda: _bundle(store), "settings": _settings}.items():
        try:
            facts[name] = check()
        except MarqueeError as error:
            healthy, facts[name] = False, str(error)
    if as_json:
        print_json({"healthy": healthy, **facts})
    else:
        print_table("", ["", ""], facts.items())
        out.print("no problems found" if healthy else "[red]problems found, see above[/]")
    if not healthy:
        raise typer.Exit(1)


def _installed(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"


def _bundle(store: str) -> str:
    from marquee.bundle import current, load

    if current(store) is None:
        return f"none in {store} yet: marquee train"
    return f"{load(store).version} in {store}, valid"


def _settings() -> str:
    from marquee.settings import load_settings

    load_settings()
    return "valid"
