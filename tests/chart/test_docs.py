"""The chart's own words: schema, values, README, dashboard, alerts and lint."""

import itertools
import json
import re
import shutil
import subprocess
import textwrap
from pathlib import Path

import pytest
import yaml

from marquee.settings import Settings
from marquee_reranker.telemetry import Telemetry

ROOT = Path(__file__).parents[2]
CHART = ROOT / "charts" / "marquee"
SCHEMA = json.loads((CHART / "values.schema.json").read_text("utf-8"))
VALUES = yaml.safe_load((CHART / "values.yaml").read_text("utf-8"))


@pytest.mark.skipif(shutil.which("helm") is None, reason="helm is not installed: it does the linting")
def test_lint():
    done = subprocess.run(["helm", "lint", "--strict", str(CHART)], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def parts(schema, path=""):
    """(path, part) of every value in the schema."""
    for name, part in schema.get("properties", {}).items():
        if part is not True:
            yield f"{path}.{name}".lstrip("."), part
            yield from parts(part, f"{path}.{name}")
        elif path in {".pods", ".services"}:  # what all have, described once
            yield f"{path}.{name}".lstrip("."), SCHEMA["definitions"][path.lstrip(".")]["properties"][name]


def test_every_value_is_described_and_fixed_objects_are_closed():
    for path, part in parts(SCHEMA):
        assert part["description"].endswith((".", ":08080).")), path
        if "properties" in part:
            assert part["additionalProperties"] is (path == "global"), path
    assert SCHEMA["additionalProperties"] is False


def test_schema_and_values_have_the_same_keys():
    def keys(values, schema, path=""):
        for name, value in values.items():
            here = f"{path}.{name}".lstrip(".")
            yield here
            below = schema.get("properties", {}).get(name, {})
            if isinstance(value, dict) and below is not True and "properties" in below:
                yield from keys(value, below, here)

    free = {path for path, _ in parts(SCHEMA) if ".settings." in path}
    assert set(keys(VALUES, SCHEMA)) == {path for path, _ in parts(SCHEMA)} - free


def test_every_section_of_values_begins_with_a_comment():
    lines = (CHART / "values.yaml").read_text("utf-8").splitlines()
    for before, line in itertools.pairwise(lines):
        if re.match(r"[a-zA-Z]+:", line) and re.match("$|#", before):
            assert before.startswith("#"), line


def camel(name):
    first, *rest = name.split("_")
    return first + "".join(word.title() for word in rest)


def test_the_rerankers_settings_are_the_programs():
    ours = {"profile", "root_path", "host", "port", "metrics_port", "retrieval_url", "retrieval_protocol"}
    ours |= {"rollback", "tmdb_key", "artifacts", "cache_dir", "model", "shadow_model", "shadow_share"}
    ours |= {"items_seconds", "items_token"}
    ours |= {"retrieval_canary_url", "retrieval_canary_share"}
    cluster = {name for name in Settings.model_fields if not name.startswith(("sagemaker_", "aws_"))}
    settings = SCHEMA["properties"]["reranker"]["properties"]["settings"]["properties"]
    assert set(settings) == {camel(name) for name in cluster - ours}
    below = SCHEMA["properties"]["retrieval"]["properties"]["settings"]["properties"]
    assert set(below) <= {camel(name) for name in cluster}


def test_dashboard_and_alerts_ask_for_metrics_that_exist(render):
    families = [metric for metric in Telemetry().registry.collect() if metric.name.startswith("marquee_")]
    exist = {metric.name + ("_total" if metric.type == "counter" else "") for metric in families}
    exist |= {"ts_queue_latency_microseconds", "ts_inference_requests_total"}  # TorchServe's own
    files = (CHART / "files" / "dashboard.json", CHART / "files" / "alerts.yaml")
    for path in files:
        used = set(re.findall(r"\b((?:marquee|ts)_\w+)\b(?=[{\[(])", path.read_text("utf-8")))
        assert used
        assert {re.sub("_(bucket|sum|count)$", "", name) for name in used} <= exist, path


def test_alerts_are_of_this_namespace_and_whole(render):
    objects = render(
        *("-a", "monitoring.coreos.com/v1", "--set", "monitoring.prometheusRule.enabled=true"),
        *("--set", "monitoring.serviceMonitor.enabled=true,monitoring.dashboard.enabled=true"),
    )
    (service,) = [one["metadata"]["name"] for one in objects if one["metadata"]["name"].endswith("-metrics")]
    (rule,) = [one for one in objects if one["kind"] == "PrometheusRule"]
    for alert in rule["spec"]["groups"][0]["rules"]:
        matchers = re.findall(r"\{(.*?)\}", alert["expr"])
        assert matchers
        for matcher in matchers:
            assert 'namespace="cinema"' in matcher
            # Of this release: kube-state-metrics knows its Jobs, everything else comes through its Service.
            assert f'service="{service}"' in matcher or 'job_name=~"films-marquee-(train|retrain)-.*"' in matcher
        assert {"summary", "description"} == alert["annotations"].keys()
        assert not re.search("NAMESPACE|PREFIX|TRAINING", json.dumps(alert))
    # Pods that failed and were replaced by others are no failure of the Job.
    assert any(
        "kube_job_failed{" in one["expr"] and 'condition="true"' in one["expr"]
        for one in rule["spec"]["groups"][0]["rules"]
    )
    (dashboard,) = [one for one in objects if one["metadata"]["name"].endswith("-dashboard")]
    board = json.loads(dashboard["data"]["marquee.json"])
    # Never refreshed and without a first choice, a variable would stay empty.
    assert all(variable.get("refresh") for variable in board["templating"]["list"] if variable["type"] == "query")
    panels = board["panels"]
    for expr in [target["expr"] for panel in panels for target in panel["targets"]]:
        for matcher in re.findall(r"\{(.*?)\}", expr):
            assert 'namespace="$namespace",service="$service"' in matcher, expr


def test_the_scripts_are_bash_and_may_be_run():
    for name in ("kind-up", "kind-down", "kind-load", "install", "uninstall", "load"):
        path = ROOT / "k8s" / name
        assert path.stat().st_mode & 0o111, name
        subprocess.run(["bash", "-n", str(path)], check=True)


@pytest.mark.parametrize("page", ["gitops.md", "mesh.md"])
def test_values_on_pages_are_taken(render, page, tmp_path):
    found = []
    for block in re.findall(r"(?m)(?:^    .*\n(?:\n(?=    ))?)+", (ROOT / "docs" / page).read_text("utf-8")):
        for one in yaml.safe_load_all(textwrap.dedent(block)):
            if isinstance(one, dict):
                spec = one.get("spec", {})
                values = spec.get("values") or spec.get("source", {}).get("helm", {}).get("valuesObject")
                found += [values or one] * (values is not None or "kind" not in one)
    assert found
    for number, values in enumerate(found):
        (tmp_path / f"{number}.yaml").write_text(yaml.safe_dump(values))
        assert render("-a", "serving.kserve.io/v1beta1", "-f", str(tmp_path / f"{number}.yaml"))
