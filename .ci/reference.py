"""Write the reference tables in docs/, docs/openapi.json and the chart's README from the code: `make docs`.

Tables are between `<!-- NAME: generated ... -->` and `<!-- end -->`. `--check` only lists outdated pages (exit code 1).
"""

import json
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import typer.main
import yaml
from prometheus_client.metrics import MetricWrapperBase
from pydantic import BaseModel

from marquee.settings import Settings
from marquee_cli.main import app
from marquee_reranker.app import create_app
from marquee_reranker.telemetry import Telemetry
from marquee_training.config import TrainingConfig

ROOT = Path(__file__).parents[1]
CHART = ROOT / "charts" / "marquee"


def table(head: list[str], rows: list[list[str]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *([cell.replace("|", "\\|") for cell in row] for row in rows)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def fields(model: type[BaseModel], prefix: str = "") -> str:
    """Name, default and description of each field of a model."""
    rows = []
    for name, field in model.model_fields.items():
        shown = f"{prefix}{name}".upper() if prefix else name
        text = " ".join(str(field.description).split())
        rows.append([f"`{shown}`", f"`{field.default}`" if str(field.default) else "(empty)", text])
    return table(["variable" if prefix else "key", "default", "meaning"], rows)


def metrics() -> str:
    """Name, labels, type and help of each metric of the re-ranker."""
    found = [metric for metric in vars(Telemetry()).values() if isinstance(metric, MetricWrapperBase)]
    rows = []
    for metric in found:
        labels = f"{{{','.join(metric._labelnames)}}}" if metric._labelnames else ""
        (family,) = metric.describe()
        total = "_total" if family.type == "counter" else ""
        rows.append([f"`{family.name}{total}{labels}`", family.type, family.documentation])
    return table(["metric", "type", "meaning"], rows)


def commands() -> dict[str, Callable[[], str]]:
    """For each command of `marquee` its summary and options."""
    found: dict[str, Any] = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    return {f"marquee {name}": lambda command=command: options(command) for name, command in found.items()}


def options(command: Any) -> str:
    """The summary and options of one command."""
    rows = []
    for parameter in command.params:
        names = [*parameter.opts, *parameter.secondary_opts]
        if parameter.param_type_name == "argument":
            names = [parameter.metavar or parameter.name.upper()]
        text = str(getattr(parameter, "help", "") or "")
        shown = getattr(parameter, "show_default", None)
        value = shown if isinstance(shown, str) else parameter.default
        if value not in (None, "", False, True) and not callable(value):
            text += f" Default: {value}." if isinstance(shown, str) else f" Default: `{value}`."
        rows.append([", ".join(f"`{name}`" for name in sorted(names, key=len, reverse=True)), text])
    return f"{' '.join((command.help or '').split())}\n\n{table(['option', 'meaning'], rows)}"


def chart() -> str:
    """The chart's README."""
    about = yaml.safe_load((CHART / "Chart.yaml").read_text("utf-8"))
    schema = json.loads((CHART / "values.schema.json").read_text("utf-8"))
    values = yaml.safe_load((CHART / "values.yaml").read_text("utf-8"))
    head = (ROOT / ".ci" / "chart-readme.txt").read_text("utf-8")
    parts = [head.format(description=about["description"], kube=about["kubeVersion"].removesuffix("-0"))]
    plain = {"properties": {k: v for k, v in schema["properties"].items() if "properties" not in v}}
    groups = [("General", "", plain, values, "")]
    for name, part in schema["properties"].items():
        if "properties" in part:
            groups.append(
                (name, part["description"], {**part, **schema["definitions"].get(name, {})}, values[name], name)
            )
    for title, text, part, below, path in groups:
        parts.append(f"\n### {title}\n\n" + (f"{text}\n\n" if text else ""))
        parts.append(table(["value", "default", "meaning"], [*chart_rows(part, below, path)]))
    return "".join(parts)


def chart_rows(schema: dict[str, Any], values: Any, path: str = "") -> Iterator[list[str]]:
    """Key, default and meaning of every value below; long defaults are left to values.yaml."""
    for name, part in schema["properties"].items():
        key = f"{path}.{name}" if path else name
        if part is True:  # a key of all pods or Services, listed once
            continue
        value = values.get(name) if isinstance(values, dict) else None
        if "properties" in part:
            yield from chart_rows(part, value, key)
            continue
        choices = ", ".join(f"`{choice}`" for choice in part.get("enum", []) if choice)
        choices = f" One of {choices}." if choices else ""
        shown = "" if value is None or value == "" else f"`{json.dumps(value)}`"
        yield [f"`{key}`", shown if len(shown) <= 82 else "see values.yaml", str(part["description"]) + choices]


def pages() -> Iterator[tuple[Path, str]]:
    """Each page with generated parts, and its current text."""
    tables: dict[str, Callable[[], str]] = {
        "settings": lambda: fields(Settings, "marquee_"),
        "training": lambda: fields(TrainingConfig),
        "metrics": metrics,
        **commands(),
    }
    used = set()
    for path in sorted((ROOT / "docs").glob("*.md")):

        def fill(match: re.Match[str]) -> str:
            used.add(match[2])
            return f"{match[1]}\n\n{tables[match[2]]()}\n<!-- end -->"

        text = path.read_text("utf-8")
        if "generated by `make docs`" in text:
            part = r"(<!-- ([\w -]+): generated by `make docs` -->).*?<!-- end -->"
            yield path, re.sub(part, fill, text, flags=re.DOTALL)
    if missing := tables.keys() - used:
        sys.exit(f"no page in docs/ has a place for: {', '.join(sorted(missing))}")
    yield CHART / "README.md", chart()
    defaults = yaml.safe_load((CHART / "values.yaml").read_text("utf-8"))
    head = (
        "# Generated by `make docs` from values.yaml, which templates can't read: what null or an absent value means.\n"
    )
    text = yaml.safe_dump(defaults, sort_keys=False, width=200, default_flow_style=None)
    yield CHART / "files" / "defaults.yaml", head + text
    document = json.dumps(create_app(Settings()).openapi(), indent=2, ensure_ascii=False)
    yield ROOT / "docs" / "openapi.json", f"{document}\n"


def main() -> None:
    """Write the pages, or with `--check` name those that are not current."""
    old = [(path, text) for path, text in pages() if path.read_text("utf-8") != text]
    if "--check" in sys.argv and old:
        sys.exit(f"outdated: {', '.join(str(path.relative_to(ROOT)) for path, _ in old)}; run: make docs")
    for path, text in old:
        path.write_text(text, "utf-8")


if __name__ == "__main__":
    main()
