"""Templates and policies under the tools that know AWS's rules."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from cfnlint.decode import cfn_yaml
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator

from aws.deploy import OF_FUNCTION, release

ROOT = Path(__file__).parents[3]
NAMES = sorted(path.name for path in (ROOT / "aws/templates").glob("*.yaml"))
TOOLS = Path(sys.executable).parent
ENVS = TOOLS.parents[1]


def run(*command, seconds=600):
    return subprocess.run([*map(str, command)], check=False, capture_output=True, text=True, timeout=seconds, cwd=ROOT)


@pytest.mark.parametrize("name", NAMES)
def test_sam_validates(name, tmp_path):
    environment = {"HOME": str(tmp_path), "PATH": "/usr/bin:/bin", "SAM_CLI_TELEMETRY": "0"}
    command = [ENVS / "sam/bin/sam", "validate", "--lint", "--region", "eu-central-1", "--template"]
    done = subprocess.run(
        [*map(str, command), f"aws/templates/{name}"],
        check=False,
        capture_output=True,
        text=True,
        timeout=600,
        cwd=ROOT,
        env={**environment, "AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x"},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "is a valid SAM Template" in done.stdout


def test_checkov_finds_nothing_that_is_not_accepted_with_a_reason():
    files = [word for name in NAMES for word in ("--file", f"aws/templates/{name}")]
    command = [ENVS / "checkov/bin/python", "-m", "checkov.main", "--framework", "cloudformation", "--output", "json"]
    done = run(*command, "--skip-download", *files)
    report = json.loads(done.stdout)
    failed = [f"{one['check_id']} {one['resource']}: {one['check_name']}" for one in report["results"]["failed_checks"]]
    assert not failed, "\n".join(failed)
    assert report["summary"]["parsing_errors"] == 0
    assert report["summary"]["passed"] > 40
    assert {Path(one["file_path"]).name for one in report["results"]["passed_checks"]} == set(NAMES)
    for one in report["results"]["skipped_checks"]:
        assert len(one["check_result"]["suppress_comment"]) > 20, one["check_id"]


@pytest.fixture(autouse=True)
def _region(monkeypatch):
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")  # SAM names resources by it


def expanded(name, parameters=None):
    """As CloudFormation gets it, SAM's resources made plain; SAM's own validation is part of it."""
    return Translator({}, Parser()).translate(
        json.loads(json.dumps(cfn_yaml.load(str(ROOT / "aws/templates" / name)))), parameters or {}
    )


def plain(value, partition="aws", region="us-east-1", suffix="amazonaws.com"):
    """Intrinsic functions as a value that they could have."""
    where = {"partition": partition, "region": region, "suffix": suffix}
    if isinstance(value, dict):
        if set(value) == {"Fn::Sub"}:
            text, own = value["Fn::Sub"] if isinstance(value["Fn::Sub"], list) else (value["Fn::Sub"], {})
            known = {"AWS::Partition": partition, "AWS::Region": region, "AWS::AccountId": "123456789012"}
            known["AWS::URLSuffix"] = suffix
            for name, given in {**known, "Stage": "test", "Bucket": "a-bucket", **plain(own, **where)}.items():
                text = text.replace("${" + name + "}", str(given))
            return text
        if set(value) == {"Ref"}:
            return f"arn:{partition}:ecr:{region}:123456789012:repository/marquee"
        return {key: plain(inner, **where) for key, inner in value.items()}
    return [plain(one, **where) for one in value] if isinstance(value, list) else value


@pytest.mark.parametrize(
    ("partition", "region", "suffix"),
    [
        ("aws", "eu-central-1", "amazonaws.com"),
        ("aws-cn", "cn-north-1", "amazonaws.com.cn"),
        ("aws-us-gov", "us-gov-west-1", "amazonaws.com"),
    ],
)
def test_in_other_partitions_nothing_points_to_the_first(monkeypatch, partition, region, suffix):
    monkeypatch.setenv("AWS_DEFAULT_REGION", region)
    for name in NAMES:
        template = expanded(name)
        rendered = plain({one: template[one] for one in ("Resources", "Outputs")}, partition, region, suffix)
        text = json.dumps(rendered)
        assert {arn.split(":")[1] for arn in re.findall(r"arn:aws[a-z-]*:", text)} <= {partition}
        # Names of services are the same everywhere, but for CodeDeploy's; addresses have the partition's suffix.
        hosts = set(re.findall(r"[a-z0-9.-]*\.amazonaws\.com[a-z.]*", text))
        services = {f"{one}.amazonaws.com" for one in ("sagemaker", "lambda", "apigateway")}
        assert all(host.endswith(suffix) and f".{region}." in f".{host}" for host in hosts - services), hosts
    for path in (ROOT / "aws").rglob("*"):
        if path.suffix in {".json", ".py", ".yaml"}:
            assert "arn:aws:" not in path.read_text(), path


def policies():
    for name in NAMES:
        for logical, resource in expanded(name)["Resources"].items():
            if resource["Type"] == "AWS::IAM::Role":
                for policy in resource["Properties"].get("Policies", []):
                    yield logical, plain(policy["PolicyDocument"])


def findings(policy):
    # Actions that know no resource need a star: tests/unit/aws/test_templates.py lists them one by one. parliament is a
    # process of its own, since it warns of itself when it is imported.
    code = (
        "import sys, parliament; found = parliament.analyze_policy_string(sys.argv[1]).findings;"
        "print(*[one for one in found if one.issue != 'RESOURCE_STAR'], sep='\\n', end='')"
    )
    done = run(TOOLS / "python", "-c", code, json.dumps(policy))
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_parliament_has_nothing_against_the_policies():
    found = dict(policies())
    assert set(found) == {"ModelRole", "FunctionRole", "DeploymentRole"}
    for role, policy in found.items():
        assert findings(policy) == "", role


def test_cfn_lint_of_what_cloudformation_gets(tmp_path):
    """SAM's own resources among them: circles can go through those."""
    for name in NAMES:
        (tmp_path / f"{name}.json").write_text(json.dumps(expanded(name)))
    # Left out: a parameter that SAM has used up, a Sub of SAM's own.
    done = run(TOOLS / "cfn-lint", "--ignore-checks", "W2001", "W1020", "--", *sorted(tmp_path.glob("*.json")))
    assert done.returncode == 0, done.stdout


GIVEN = {name: f"{name} of now" for name in OF_FUNCTION}


def version(parameters):
    """The logical id of the function's version, as the deploy tool has it named, and the function's description."""
    given = {**parameters, "Release": release("template", parameters)}
    resources = expanded("app.yaml", given)["Resources"]
    (found,) = [name for name, one in resources.items() if one["Type"] == "AWS::Lambda::Version"]
    return found, resources["Function"]["Properties"]["Description"]


@pytest.mark.parametrize("name", OF_FUNCTION)
def test_a_change_of_the_function_publishes_a_version(name):
    before, after = version(GIVEN), version({**GIVEN, name: "another"})
    assert before[0] != after[0]
    assert before[1] != after[1]  # Lambda publishes nothing if the function itself is as it was


def test_other_changes_publish_none():
    assert version(GIVEN) == version({**GIVEN, "LogDays": "7"})


def test_what_stops_a_canary_can_be_seen_in_it_and_blocks_no_repair():
    template = expanded("app.yaml")
    resources = template["Resources"]
    group = resources["FunctionDeploymentGroup"]["Properties"]["AlarmConfiguration"]
    condition, gradual, at_once = group["Fn::If"]
    assert template["Conditions"][condition] == {"Fn::Not": [{"Fn::Equals": [{"Ref": "Deployment"}, "AllAtOnce"]}]}
    assert at_once == {}
    assert gradual["Enabled"] is True
    assert [one["Name"] for one in gradual["Alarms"]] == [{"Ref": "NewVersionErrors"}, {"Ref": "Api5xx"}]
    (new,) = [name for name, one in resources.items() if one["Type"] == "AWS::Lambda::Version"]
    alarm = resources["NewVersionErrors"]["Properties"]
    dimensions = {one["Name"]: one["Value"] for one in alarm["Dimensions"]}
    assert dimensions["ExecutedVersion"] == {"Fn::GetAtt": [new, "Version"]}
    assert plain(dimensions["Resource"]) == "marquee-test:live"
    assert new in json.dumps(alarm["AlarmName"])  # another alarm for each version
    # All within the canary's five minutes, a minute for the metric to come included; a tenth of errors is over 1 %.
    for name in ("NewVersionErrors", "Api5xx"):
        one = resources[name]["Properties"]
        periods = {one["Period"]} if "Period" in one else {m["MetricStat"]["Period"] for m in one["Metrics"][1:]}
        assert one.get("DatapointsToAlarm", one["EvaluationPeriods"]) * max(periods) + 60 < 300
        assert one["Threshold"] < 10


def test_what_the_api_calls_is_the_functions_alias():
    resources = expanded("app.yaml")["Resources"]
    (alias,) = [one["Properties"] for one in resources.values() if one["Type"] == "AWS::Lambda::Alias"]
    called = plain(resources["Api"]["Properties"]["Body"]["paths"]["/{proxy+}"])
    uri = called["x-amazon-apigateway-any-method"]["x-amazon-apigateway-integration"]["uri"]
    name = plain(resources["Function"]["Properties"]["FunctionName"])
    arn = f"arn:aws:lambda:us-east-1:123456789012:function:{name}:{alias['Name']}"
    assert uri == f"arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/{arn}/invocations"
    # The permission is of the same alias, and made after it.
    assert resources["ApiMayInvoke"]["Properties"]["FunctionName"] == {"Ref": "FunctionAliaslive"}
    assert alias["FunctionName"] == {"Ref": "Function"}
