"""The deploy tool's steps that moto supports, and the policies under parliament. Run by test_tools.py in .venv-aws/tools."""

import json
import os
import sys
import tempfile
from pathlib import Path

os.environ |= {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x", "AWS_DEFAULT_REGION": "us-east-1"}

from cfnlint.decode import cfn_yaml
from moto import mock_aws
from parliament import analyze_policy_string
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator

from aws.build.archives import write_zip
from aws.deploy.account import connect, outputs, preflight, stack
from aws.deploy.artifacts import Artifact, Artifacts
from aws.deploy.options import Options
from aws.deploy.stacks import TEMPLATES, change_set, execute, upload, upload_template
from marquee.errors import MarqueeError


def artifacts(folder: Path) -> Artifacts:
    files = {}
    for what in ("model", "function", "packages", "bundle"):
        built = write_zip(folder / what, {what: b"1"})
        files[what] = Artifact(what, built.sha256, built.packed, built.unpacked)
    return Artifacts(folder, "v", "arm64", files)


def refused(options: Options, built: Artifacts, complaint: str) -> None:
    try:
        preflight(connect(), options, built)
    except MarqueeError as error:
        assert complaint in error.message, error
        assert error.fix, error
    else:
        raise AssertionError(complaint)


@mock_aws
def deploy_tool() -> None:
    account = connect()
    options = Options(stage="test")
    name = options.bootstrap_stack
    assert stack(account, name) is None
    body = (TEMPLATES / "bootstrap.yaml").read_text()
    identifier, _ = change_set(account, name, {"Stage": "test"}, body=body)
    execute(account, name, identifier)
    made = outputs(stack(account, name))
    assert made["Bucket"] == "marquee-test-123456789012-us-east-1", made
    with tempfile.TemporaryDirectory() as folder:
        built = artifacts(Path(folder))
        assert upload(account, made["Bucket"], built) == 4
        assert upload(account, made["Bucket"], built) == 0  # the same content is never sent twice
        assert upload_template(account, made["Bucket"], "app.yaml").endswith("/templates/app.yaml")
        refused(options, built, "IMAGE is not set")
        refused(Options("test", "public.ecr.aws/x/y@sha256:" + "0" * 64), built, "another registry")
        refused(Options("test", f"{made['Repository']}@sha256:" + "0" * 64), built, "no image")


def policies() -> None:
    template = json.loads(json.dumps(cfn_yaml.load(str(TEMPLATES / "app.yaml"))))
    expanded = Translator({}, Parser()).translate(template, {})  # SAM's own validation
    checked = 0
    for resource in expanded["Resources"].values():
        if resource["Type"] == "AWS::IAM::Role":
            for policy in resource["Properties"].get("Policies", []):
                document = json.dumps(_plain(policy["PolicyDocument"]))
                findings = [one for one in analyze_policy_string(document).findings if one.issue != "RESOURCE_STAR"]
                assert not findings, [str(one) for one in findings]
                checked += 1
    assert checked == 3, checked


def _plain(value: object) -> object:
    """Intrinsic functions as a value that they could have."""
    if isinstance(value, dict):
        if set(value) == {"Fn::Sub"}:
            text = value["Fn::Sub"]
            given = {"AWS::Partition": "aws", "AWS::Region": "us-east-1", "AWS::AccountId": "123456789012"}
            for name, known in {**given, "Stage": "test", "Bucket": "a-bucket"}.items():
                text = text.replace("${" + name + "}", known)
            return text
        if set(value) == {"Ref"}:
            return "arn:aws:ecr:us-east-1:123456789012:repository/marquee"
        return {key: _plain(inner) for key, inner in value.items()}
    return [_plain(one) for one in value] if isinstance(value, list) else value


{"deploy": deploy_tool, "policies": policies}[sys.argv[1]]()
