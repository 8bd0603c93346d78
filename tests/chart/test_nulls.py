"""null, and what --reuse-values leaves out, mean the default: templates never see an absent value."""

import copy
import functools
import itertools
import shutil
from concurrent.futures import ThreadPoolExecutor

import pytest
import yaml

from tests.chart.conftest import CHART, GATEWAY, KSERVE, OPERATOR, ROOT, _template

EVERYTHING = yaml.safe_load((ROOT / "tests" / "chart" / "everything.yaml").read_text("utf-8"))
VALUES = yaml.safe_load((CHART / "values.yaml").read_text("utf-8"))
APIS = ("-a", KSERVE, "-a", OPERATOR, "-a", GATEWAY)
GROUPS = 16
# Left out, not replaced.
ABSENT = {"replicas", "runAsUser", "runAsGroup", "fsGroup"}
# In what Kubernetes defines, null leaves one key out.
FREE = {"resources", "waitForModelResources", "labels"}


def paths(values, above=()):
    """Every value and section of values.yaml."""
    for key, value in values.items():
        path = (*above, key)
        if key not in ABSENT:
            yield path
        if isinstance(value, dict) and key not in FREE:
            yield from paths(value, path)


def grouped():
    """All paths in GROUPS groups, sections apart from what is in them."""
    for start in range(GROUPS):
        yield [path for number, path in enumerate(sorted(paths(VALUES))) if number % GROUPS == start]


def changed(path, values, value=None, *, remove=False):
    """The values with another one at the path, or without it."""
    for key in path[:-1]:
        if not isinstance(values.get(key), dict):
            if remove or key in values:
                return
            values[key] = {}
        values = values[key]
    if remove:
        values.pop(path[-1], None)
    else:
        values[path[-1]] = value


@functools.cache
def empty_chart(folder):
    """The chart as --reuse-values of a release without any values shows it to templates."""
    chart = folder / "marquee"
    shutil.copytree(CHART, chart)
    (chart / "values.yaml").write_text("{}\n")
    return chart


@pytest.mark.parametrize("options", [(), ("-a", KSERVE), (*APIS, "-f", str(ROOT / "tests/chart/everything.yaml"))])
def test_without_any_defaults_of_helms_nothing_changes(tmp_path, options):
    done = _template(options, chart=str(empty_chart(tmp_path)))
    assert done.returncode == 0, done.stderr
    assert done.stdout == _template(options).stdout


def test_null_and_missing_are_the_same(tmp_path):
    def outcome(number, kind, values):
        path = tmp_path / f"{kind}{number}.yaml"
        path.write_text(yaml.safe_dump(values))
        done = _template((*APIS, "-f", str(path)))
        return done.stdout if done.returncode == 0 else done.stderr

    def pair(numbered):
        number, group = numbered
        nulls, without = copy.deepcopy(EVERYTHING), copy.deepcopy(EVERYTHING)
        for path in group:
            changed(path, nulls)
            changed(path, without, remove=True)
        return group, outcome(number, "null", nulls), outcome(number, "without", without)

    with ThreadPoolExecutor(2) as pool:
        for group, with_nulls, without in pool.map(pair, enumerate(grouped())):
            assert with_nulls == without, group
            assert "apiVersion" in with_nulls or "execution error" in with_nulls, (group, with_nulls)
            assert not any(word in with_nulls for word in ("nil pointer", "reflect", "error calling", "%!")), with_nulls


@pytest.mark.parametrize("sections", [True, False])
def test_all_of_them_at_once_are_the_defaults(render, tmp_path, sections):
    values = {}
    for path in paths(VALUES):
        if (len(path) == 1) if sections else not isinstance(functools.reduce(dict.get, path, VALUES), dict):
            changed(path, values)
    (tmp_path / "nulls.yaml").write_text(yaml.safe_dump(values))
    assert render("-f", str(tmp_path / "nulls.yaml")) == render()


def test_every_path_is_tried():
    assert {*itertools.chain(*grouped())} == {*paths(VALUES)}


def test_what_null_leaves_out(render, find):
    nulls = (
        "retrieval.resources.limits=null,podSecurityContext.runAsUser=null,securityContext.readOnlyRootFilesystem=null"
    )
    spec = find(render("--set", nulls), "Deployment", "-predictor")["spec"]["template"]["spec"]
    assert "limits" not in spec["containers"][0]["resources"]
    assert "runAsUser" not in spec["securityContext"]
    assert spec["containers"][0]["securityContext"]["readOnlyRootFilesystem"] is True


@pytest.mark.parametrize(("value", "seconds"), [("activeDeadlineSeconds=null", 14400), ("data=null", 14400)])
def test_limits_stay(render, find, value, seconds):
    objects = render("--set", f"training.{value},networkPolicy.metricsFrom=null")
    assert find(objects, "Job")["spec"]["activeDeadlineSeconds"] == seconds
    (_, metrics) = find(objects, "NetworkPolicy", "-retrieval")["spec"]["ingress"]
    assert metrics["from"] == [{"namespaceSelector": {}}]
