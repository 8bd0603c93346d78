"""Deployment by SAM: `python -m aws.deploy plan|deploy|smoke|rollback|destroy`, see docs/aws.md."""

import hashlib
import json
import os
import re
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from aws.build import FOLDER, read_manifest, size_table
from aws.preflight import check_endpoint, preflight
from aws.smoke import smoke
from marquee.errors import MarqueeError

TEMPLATES = Path(__file__).parent / "templates"
GOOD, PREVIOUS = "good", "previous"
UNCONFIRMED = 2  # exit code
# Archives by template parameter: (name in the manifest, key in the bucket). Keys are hashes: none is uploaded twice.
KEYS = {
    "ModelKey": ("model", "models/{sha256}/model.tar.gz"),
    "FunctionKey": ("function", "functions/{sha256}.zip"),
    "PackagesKey": ("packages", "layers/{sha256}.zip"),
    "BundleKey": ("bundle", "layers/{sha256}.zip"),
}
# Parameters of the function's resource; tests/unit/aws/test_templates.py compares them with the template.
OF_FUNCTION = ("Stage", "FunctionKey", "PackagesKey", "BundleKey", "Architecture", "FunctionMemory", "CorsOrigins")


@dataclass(frozen=True)
class Deployment:
    """The app stack's template (its URL) and parameters, and its bundle's version and some films. JSON in SSM."""

    template: str
    parameters: dict[str, str]
    version: str
    movie_ids: list[int]


class Account:
    """Stage in an AWS account: two stacks, a bucket, and the record of tested deployments."""

    def __init__(self) -> None:
        self.session = boto3.Session()
        if not self.session.region_name:
            raise MarqueeError("no region is set", fix="export AWS_DEFAULT_REGION=eu-central-1 (or yours)")
        self.region = self.session.region_name
        identity = self.session.client("sts").get_caller_identity()
        self.number, self.stage = identity["Account"], os.environ.get("STAGE") or "dev"
        self.app, self.bootstrap = f"marquee-{self.stage}", f"marquee-{self.stage}-bootstrap"
        self.formation, self.s3, self.ssm = map(self.session.client, ("cloudformation", "s3", "ssm"))
        print(f"account {self.number}, region {self.region}, as {identity['Arn']}")

    def stack(self, name: str) -> tuple[dict[str, str], dict[str, str]]:
        """(parameters, outputs) of a stack; both empty where it isn't deployed."""
        try:
            found = self.formation.describe_stacks(StackName=name)["Stacks"][0]
        except ClientError as error:
            if "does not exist" in str(error):
                return {}, {}
            raise
        if found["StackStatus"] in {"REVIEW_IN_PROGRESS", "DELETE_COMPLETE"}:
            return {}, {}
        parameters = {one["ParameterKey"]: one["ParameterValue"] for one in found.get("Parameters", [])}
        return parameters, {one["OutputKey"]: one["OutputValue"] for one in found.get("Outputs", [])}

    def sam(self, command: str, stack: str, *options: str) -> None:
        """Run SAM's command line on a stack; raises a MarqueeError if it fails."""
        words = [os.environ.get("SAM") or "sam", command, "--stack-name", stack, "--region", self.region, *options]
        print("$", shlex.join(words), flush=True)
        try:
            done = subprocess.run(words, check=False, env={"SAM_CLI_TELEMETRY": "0", **os.environ})  # noqa: S603
        except FileNotFoundError:
            raise MarqueeError("SAM's command line is missing", fix="make aws-sam, or SAM=path of yours") from None
        if done.returncode:
            fix = f"see above; the endpoint's log is /aws/sagemaker/Endpoints/{self.app}"
            raise MarqueeError(f"sam {command} of {stack} failed", fix=fix)

    def sam_deploy(self, stack: str, template: str, parameters: Mapping[str, str], *, execute: bool) -> None:
        """Run `sam deploy`, or only show its change set. CloudFormation rolls back a failed deployment."""
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "template.yaml").write_text(template)
            (Path(folder) / "parameters.yaml").write_text(json.dumps(parameters))  # JSON is YAML
            options = ["--template-file", f"{folder}/template.yaml", "--capabilities", "CAPABILITY_IAM"]
            options += ["CAPABILITY_AUTO_EXPAND", "--parameter-overrides", f"file://{folder}/parameters.yaml"]
            options += ["--no-confirm-changeset", "--no-fail-on-empty-changeset"]
            self.sam("deploy", stack, *options, *([] if execute else ["--no-execute-changeset"]))
        if not execute and not self.stack(stack)[0]:
            self.formation.delete_stack(StackName=stack)  # a first change set creates an empty stack

    def apply(self, wanted: Deployment, *, execute: bool = True) -> None:
        """Deploy the app stack, or only show its change set."""
        key = wanted.template.split("/", 3)[3]
        template = self.s3.get_object(Bucket=wanted.parameters["Bucket"], Key=key)["Body"].read().decode()
        self.sam_deploy(self.app, template, wanted.parameters, execute=execute)

    def prove(self, deployed: Deployment) -> None:
        """Run the smoke test; raises a MarqueeError if it fails."""
        url = self.stack(self.app)[1].get("Url")
        if url is None:
            raise MarqueeError(f"stack {self.app} is not deployed", fix="make aws-deploy CONFIRM=yes")
        origin = deployed.parameters.get("CorsOrigins", "").partition(",")[0].strip()
        seconds = float(os.environ.get("SMOKE_SECONDS") or 300)
        print(smoke(url, deployed.movie_ids, deployed.version, origin=origin, seconds=seconds))

    def upload(self, bucket: str, key: str, body: bytes) -> None:
        """Upload an object, unless the bucket has it."""
        try:
            self.s3.head_object(Bucket=bucket, Key=key)
        except ClientError as error:
            if error.response["ResponseMetadata"]["HTTPStatusCode"] != 404:
                raise
            self.s3.put_object(Bucket=bucket, Key=key, Body=body)
            print(f"uploaded {key}")

    def recall(self, which: str) -> Deployment | None:
        """The deployment recorded as GOOD or PREVIOUS."""
        try:
            found = self.ssm.get_parameter(Name=f"/marquee/{self.stage}/{which}")["Parameter"]["Value"]
        except self.ssm.exceptions.ParameterNotFound:
            return None
        return Deployment(**json.loads(found))

    def remember(self, proven: Deployment) -> None:
        """Record a deployment as GOOD, and a different one before it as PREVIOUS."""
        before = self.recall(GOOD)
        for which, one in ((PREVIOUS, before), (GOOD, proven)):
            if one is not None and before != proven:
                name, value = f"/marquee/{self.stage}/{which}", json.dumps(asdict(one))
                self.ssm.put_parameter(Name=name, Value=value, Type="String", Overwrite=True)


def variable(parameter: str) -> str:
    """The environment variable of a template parameter: LOG_DAYS for LogDays."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", parameter).upper()


def release(template: str, parameters: Mapping[str, str]) -> str:
    """The parameter Release: a hash of what the function consists of. When it changes, Lambda publishes a version."""
    of_function = {name: parameters[name] for name in OF_FUNCTION if name in parameters}
    return hashlib.sha256(json.dumps([template, of_function], sort_keys=True).encode()).hexdigest()


def choose(
    defaults: Mapping[str, str], deployed: Mapping[str, str], environment: Mapping[str, str] = os.environ
) -> dict[str, str]:
    """Parameters from the environment, else from the deployed stack, else the template; `default`: the template's."""
    given = {name: environment.get(variable(name)) or deployed.get(name, "default") for name in defaults}
    return {name: defaults[name] if value == "default" else value for name, value in given.items()}


def prepare(account: Account) -> Deployment | None:
    """Check everything and upload it; None if the bootstrap stack does not exist."""
    manifest = read_manifest(FOLDER)
    files, template = manifest["files"], (TEMPLATES / "app.yaml").read_text()
    print(size_table(manifest))
    outputs = account.stack(account.bootstrap)[1]
    if not outputs:
        return None
    summary = account.formation.get_template_summary(TemplateBody=template)["Parameters"]
    defaults = {one["ParameterKey"]: one["DefaultValue"] for one in summary if one.get("DefaultValue") is not None}
    deployed, good = account.stack(account.app)[0], account.recall(GOOD)
    # A rollback has no canary; the next deployment has one again.
    shift = {"Deployment": good.parameters["Deployment"]} if good else {}
    host, _, name = outputs["Repository"].partition("/")
    partition = account.session.get_partition_for_region(account.region)
    parameters = {
        **choose(defaults, {**deployed, **shift}),
        "Stage": account.stage,
        "Bucket": outputs["Bucket"],
        "RepositoryArn": f"arn:{partition}:ecr:{account.region}:{host.split('.')[0]}:repository/{name}",
        "ImageUri": os.environ.get("IMAGE", ""),
        "Architecture": manifest["arch"],
        **{parameter: key.format(sha256=files[what]["sha256"]) for parameter, (what, key) in KEYS.items()},
    }
    for note in preflight(account.session, account.number, deployed, parameters, files["model"]["unpacked"]):
        print(note)
    for parameter, (what, _) in KEYS.items():
        account.upload(outputs["Bucket"], parameters[parameter], (FOLDER / files[what]["path"]).read_bytes())
    key = f"templates/{hashlib.sha256(template.encode()).hexdigest()}/app.yaml"
    account.upload(outputs["Bucket"], key, template.encode())
    url = f"https://{outputs['Bucket']}.s3.{account.region}.amazonaws.com/{key}"
    parameters["Release"] = release(url, parameters)
    return Deployment(url, parameters, manifest["version"], manifest["movie_ids"])


def plan(account: Account, *, execute: bool = False) -> Deployment | None:
    """Show the change sets of both stacks, or deploy them; returns the app stack's deployment."""
    bootstrap = (TEMPLATES / "bootstrap.yaml").read_text()
    account.sam_deploy(account.bootstrap, bootstrap, {"Stage": account.stage}, execute=execute)
    print(f"images go to {account.stack(account.bootstrap)[1].get('Repository', 'a repository of that stack')}")
    wanted = prepare(account)
    if wanted is None:
        print(f"stack {account.bootstrap} is not deployed yet; {account.app} comes after it")
    else:
        account.apply(wanted, execute=execute)
    return wanted


def deploy(account: Account) -> int:
    """Deploy, run the smoke test, and deploy the last good version if it fails. Without CONFIRM=yes, only plan."""
    if os.environ.get("CONFIRM") != "yes":
        plan(account)
        return _unconfirmed("yes")
    good = account.recall(GOOD)
    wanted = plan(account, execute=True)
    if wanted is None:
        raise MarqueeError(f"stack {account.bootstrap} has no outputs", fix="look at it in CloudFormation")
    try:
        account.prove(wanted)
    except MarqueeError as error:
        print(f"error: {error}", file=sys.stderr)
        if good is None:
            fix = f"see its logs; make aws-destroy CONFIRM={account.app} removes it"
            print(f"There is no earlier deployment, so the stack stays.  fix: {fix}", file=sys.stderr)
            return 1
        account.apply(_at_once(good))
        account.prove(good)
        print("the deployment before is back, and answers", file=sys.stderr)
        return 1
    account.remember(wanted)
    return 0


def check(account: Account) -> None:
    """Run the smoke test."""
    deployed = account.recall(GOOD)
    if deployed is None:
        raise MarqueeError(f"no deployment of {account.app} is recorded", fix="make aws-deploy CONFIRM=yes")
    account.prove(deployed)


def rollback(account: Account) -> int:
    """Deploy what was good before: template, model, code and image. A second rollback undoes the first."""
    wanted = account.recall(PREVIOUS)
    if wanted is None:
        raise MarqueeError(f"no earlier deployment of {account.app} is recorded", fix="deploy an older build")
    print(f"back to bundle {wanted.version}, image {wanted.parameters['ImageUri']}")
    check_endpoint(account.stack(account.app)[0], wanted.parameters)
    confirmed = os.environ.get("CONFIRM") == "yes"
    account.apply(_at_once(wanted), execute=confirmed)
    if not confirmed:
        return _unconfirmed("yes")
    account.prove(wanted)
    account.remember(wanted)
    return 0


def _at_once(back: Deployment) -> Deployment:
    """The same without a canary, which the broken deployment's alarms would stop."""
    return replace(back, parameters=back.parameters | {"Deployment": "AllAtOnce"})


def destroy(account: Account) -> int:
    """Delete the app stack; with PURGE=yes also bucket, images, layers and the bootstrap stack."""
    if os.environ.get("CONFIRM") != account.app:
        return _unconfirmed(account.app)
    account.sam("delete", account.app, "--no-prompts")
    account.ssm.delete_parameters(Names=[f"/marquee/{account.stage}/{which}" for which in (GOOD, PREVIOUS)])
    if os.environ.get("PURGE") != "yes":
        print(f"bucket and images of {account.bootstrap} stay (PURGE=yes removes them), and versions of the layers")
        return 0
    # By name: the bootstrap stack retains them, so they may exist without it.
    bucket = account.session.resource("s3").Bucket(f"marquee-{account.stage}-{account.number}-{account.region}")
    with suppress(account.s3.exceptions.NoSuchBucket):
        bucket.object_versions.delete()
        bucket.delete()
    ecr = account.session.client("ecr")
    with suppress(ecr.exceptions.RepositoryNotFoundException):
        ecr.delete_repository(repositoryName=f"marquee-sagemaker-{account.stage}", force=True)
    functions = account.session.client("lambda")
    for layer in (f"{account.app}-packages", f"{account.app}-bundle"):
        pages = functions.get_paginator("list_layer_versions").paginate(LayerName=layer)
        for version in [one["Version"] for page in pages for one in page["LayerVersions"]]:
            functions.delete_layer_version(LayerName=layer, VersionNumber=version)
    account.sam("delete", account.bootstrap, "--no-prompts")
    return 0


def _unconfirmed(wanted: str) -> int:
    print(f"CONFIRM={wanted} is not set, so nothing was changed.")
    return UNCONFIRMED


# With what each one changes and costs, which is printed first.
COMMANDS: dict[str, tuple[Callable[[Account], object], str]] = {
    "plan": (plan, "shows change sets and uploads archives (cents a month); it changes nothing else"),
    "deploy": (deploy, "changes both stacks with CONFIRM=yes; docs/aws.md has what they cost"),
    "smoke": (check, "sends a few requests to the deployed API (less than a cent); it changes nothing"),
    "rollback": (rollback, "changes the app stack back with CONFIRM=yes"),
    "destroy": (destroy, "deletes the app stack with CONFIRM=the stack's name; with PURGE=yes, all data too"),
}


def main(arguments: list[str]) -> int:
    """Run a command; returns the exit code."""
    if len(arguments) != 1 or arguments[0] not in COMMANDS:
        print(f"usage: python -m aws.deploy {'|'.join(COMMANDS)}  (docs/aws.md)", file=sys.stderr)
        return 2
    command, effect = COMMANDS[arguments[0]]
    print(f"aws-{arguments[0]} {effect}.")
    try:
        result = command(Account())
        return result if isinstance(result, int) else 0
    except MarqueeError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    except (BotoCoreError, ClientError) as error:
        fix = "credentials: aws sso login, or AWS_PROFILE; rights: the last section of docs/aws.md"
        print(f"error: {error}\n  fix: {fix}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
