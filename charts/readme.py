"""Writes the chart's README from values.schema.json and values.yaml: `python charts/readme.py`."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

CHART = Path(__file__).parent / "marquee"
HEAD = """\
# marquee

<!-- Made by charts/readme.py from values.schema.json and values.yaml. Don't edit it here. -->

{description}.

    helm install marquee charts/marquee --namespace marquee --create-namespace --wait --timeout 30m

It needs Kubernetes {kube} and the four images (docs/images.md). KServe >=0.16 is used where it is; nothing
cluster-scoped is made. What the objects are and how to run them: [docs/kubernetes.md](../../docs/kubernetes.md). Ready
values are in [k8s/values](../../k8s/values).

| folder of templates | what it makes |
| --- | --- |
| `storage` | the claim of the artifacts volume |
| `training` | the training Job, a CronJob to train again, a suspended CronJob to roll back |
| `retrieval` | ServingRuntime and InferenceService, or Deployment and Service; HPA, PDB, NetworkPolicy |
| `reranker` | Deployment, Service, HPA, PDB, NetworkPolicy; Ingress and HTTPRoute if wanted |
| `monitoring` | ServiceMonitor, PrometheusRule, Grafana dashboard, if wanted |
| `tests` | `helm test`: api, retrieval, fallback |

## Values

An unknown key is an error.
"""


def rows(schema: dict[str, Any], values: Any, path: str = "") -> Iterator[tuple[str, str, str]]:
    """(key, default, meaning) of every value below."""
    for name, part in schema["properties"].items():
        key = f"{path}.{name}" if path else name
        value = values.get(name) if isinstance(values, dict) else None
        if "properties" in part:
            yield from rows(part, value, key)
            continue
        text = str(part["description"])
        if "enum" in part:
            text += f" One of {', '.join(f'`{choice}`' for choice in part['enum'])}."
        yield key, default(value), text


def default(value: Any) -> str:
    """The default as one would write it; long ones are left to values.yaml."""
    if value is None or value == "":
        return ""
    text = json.dumps(value)
    return "see values.yaml" if len(text) > 80 else f"`{text}`"


def readme() -> str:
    """The whole page."""
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text("utf-8"))
    schema = json.loads((CHART / "values.schema.json").read_text("utf-8"))
    values = yaml.safe_load((CHART / "values.yaml").read_text("utf-8"))
    parts = [HEAD.format(description=chart["description"], kube=chart["kubeVersion"].removesuffix("-0"))]
    plain = {"properties": {k: v for k, v in schema["properties"].items() if "properties" not in v}}
    groups = [("General", "", plain, values, "")]
    for name, part in schema["properties"].items():
        if "properties" in part:
            groups.append((name, part["description"], part, values.get(name), name))
    for title, text, part, below, path in groups:
        parts.append(f"\n### {title}\n" + (f"\n{text}\n" if text else ""))
        parts.append("\n| value | default | meaning |\n| --- | --- | --- |\n")
        for key, value, meaning in rows(part, below, path):
            parts.append(f"| `{key}` | {value} | {meaning.replace('|', chr(92) + '|')} |\n")
    return "".join(parts)


if __name__ == "__main__":
    (CHART / "README.md").write_text(readme(), "utf-8")
