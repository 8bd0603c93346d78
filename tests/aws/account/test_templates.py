"""Templates and policies under the tools that know AWS's rules."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from cfnlint.decode import cfn_yaml
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator

ROOT = Path(__file__).parents[3]
NAMES = sorted(path.name for path in (ROOT / "aws/templates").glob("*.yaml"))
TOOLS = Path(sys.executable).parent
ENVS = TOOLS.parents[1]


def run(*command, seconds=180):
    return subprocess.run([*map(str, command)], check=False, capture_output=True, text=True, timeout=seconds, cwd=ROOT)


def test_cfn_lint():
    done = run(TOOLS / "cfn-lint", *(f"aws/templates/{name}" for name in NAMES))
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("name", NAMES)
def test_sam_validates(name, tmp_path):
    environment = {"HOME": str(tmp_path), "PATH": "/usr/bin:/bin", "SAM_CLI_TELEMETRY": "0"}
    command = [ENVS / "sam/bin/sam", "validate", "--lint", "--region", "eu-central-1", "--template"]
    done = subprocess.run(
        [*map(str, command), f"aws/templates/{name}"],
        check=False,
        capture_output=True,
        text=True,
        timeout=180,
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


def expanded(name):
    """As CloudFormation gets it, SAM's resources made plain; SAM's own validation is part of it."""
    return Translator({}, Parser()).translate(
        json.loads(json.dumps(cfn_yaml.load(str(ROOT / "aws/templates" / name)))), {}
    )


def plain(value):
    """Intrinsic functions as a value that they could have."""
    if isinstance(value, dict):
        if set(value) == {"Fn::Sub"}:
            text = value["Fn::Sub"]
            known = {"AWS::Partition": "aws", "AWS::Region": "us-east-1", "AWS::AccountId": "123456789012"}
            for name, given in {**known, "Stage": "test", "Bucket": "a-bucket"}.items():
                text = text.replace("${" + name + "}", given)
            return text
        if set(value) == {"Ref"}:
            return "arn:aws:ecr:us-east-1:123456789012:repository/marquee"
        return {key: plain(inner) for key, inner in value.items()}
    return [plain(one) for one in value] if isinstance(value, list) else value


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


def test_parliament_would_have_found_something():
    (policy,) = [policy for role, policy in policies() if role == "FunctionRole"]
    policy["Statement"][0]["Action"] = "sagemaker:InvokeEndpoints"
    assert "UNKNOWN_ACTION" in findings(policy)


def test_the_functions_aliases_are_what_the_api_calls():
    resources = expanded("app.yaml")["Resources"]
    kinds = [one["Type"] for one in resources.values()]
    assert kinds.count("AWS::Lambda::Alias") == kinds.count("AWS::Lambda::Version") == 1
    (api,) = [one for one in resources.values() if one["Type"] == "AWS::ApiGatewayV2::Api"]
    assert "FunctionAliaslive" in json.dumps(api)
