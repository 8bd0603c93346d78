"""Deployment by SAM: `python -m aws.deploy plan|deploy|smoke|rollback|destroy|policies`, see docs/aws.md."""

import hashlib
import json
import os
import re
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from string import Template

from botocore.exceptions import BotoCoreError, ClientError

from aws.account import GOOD, PREVIOUS, Account, Deployment
from aws.build import FOLDER, read_manifest, size_table
from aws.preflight import check_endpoint, preflight
from aws.prune import prune
from marquee.errors import MarqueeError

TEMPLATES = Path(__file__).parent / "templates"
POLICIES = Path(__file__).parent / "policies"
UNCONFIRMED = 2  # exit code
# Archives by template parameter: (name in the manifest, key in the bucket). Keys are hashes: none is uploaded twice.
KEYS = {
    "ModelKey": ("model", "models/{sha256}/model.tar.gz"),
    "FunctionKey": ("function", "functions/{sha256}.zip"),
    "PackagesKey": ("packages", "layers/{sha256}.zip"),
    "BundleKey": ("bundle", "layers/{sha256}.zip"),
}
# Parameters of the function's resource; tests/unit/aws/test_templates.py compares them with the template.
OF_FUNCTION = (
    *("Stage", "FunctionKey", "PackagesKey", "BundleKey", "Architecture", "FunctionMemory", "FunctionTimeout"),
    *("SagemakerSeconds", "SagemakerConnectSeconds", "SagemakerReadSeconds", "CorsOrigins", "RootPath"),
)


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
    parameters["Release"] = release(key, parameters)
    return Deployment(key, parameters, manifest["version"], manifest["movie_ids"])


def plan(account: Account, *, execute: bool = False) -> Deployment | None:
    """Show the change sets of both stacks, or deploy them; returns the app stack's deployment."""
    bootstrap = (TEMPLATES / "bootstrap.yaml").read_text()
    if account.is_left():
        account.adopt(bootstrap, execute=execute)
    else:
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
    _clean(account)
    return 0


def _clean(account: Account) -> None:
    """Delete old versions and images; a deployment that is proven doesn't fail for that."""
    recorded = [one for which in (GOOD, PREVIOUS) if (one := account.recall(which))]
    try:
        images = {one.parameters["ImageUri"] for one in recorded}
        for line in prune(account.session, account.app, account.repository, images):
            print(line)
    except (BotoCoreError, ClientError) as error:
        print(f"old versions and images stay: {error}")


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
    with suppress(account.s3.exceptions.NoSuchBucket):
        for which in (GOOD, PREVIOUS):
            account.s3.delete_object(Bucket=account.bucket, Key=f"records/{which}.json")
    if os.environ.get("PURGE") != "yes":
        print(f"bucket and images of {account.bootstrap} stay (PURGE=yes removes them), and versions of the layers")
        return 0
    # By name: the bootstrap stack retains them, so they may exist without it.
    bucket = account.session.resource("s3").Bucket(account.bucket)
    with suppress(account.s3.exceptions.NoSuchBucket):
        bucket.object_versions.delete()
        bucket.delete()
    with suppress(account.ecr.exceptions.RepositoryNotFoundException):
        account.ecr.delete_repository(repositoryName=account.repository, force=True)
    functions = account.session.client("lambda")
    for layer in (f"{account.app}-packages", f"{account.app}-bundle"):
        pages = functions.get_paginator("list_layer_versions").paginate(LayerName=layer)
        for version in [one["Version"] for page in pages for one in page["LayerVersions"]]:
            functions.delete_layer_version(LayerName=layer, VersionNumber=version)
    account.sam("delete", account.bootstrap, "--no-prompts")
    return 0


def policies(account: Account) -> None:
    """Write the deployer's policies for this account, region and stage to build/aws/policies."""
    partition = account.session.get_partition_for_region(account.region)
    values = {"Partition": partition, "Region": account.region, "Account": account.number, "Stage": account.stage}
    folder = FOLDER / "policies"
    folder.mkdir(parents=True, exist_ok=True)
    for path in sorted(POLICIES.glob("*.json")):
        (folder / path.name).write_text(Template(path.read_text()).substitute(values))
        name = f"marquee-{account.stage}-{path.stem}"
        print(f"aws iam create-policy --policy-name {name} --policy-document file://{folder / path.name}")


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
    "policies": (policies, "writes the deployer's IAM policies; it changes nothing"),
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
