"""`python -m aws.deploy build|plan|deploy|smoke|rollback|destroy`: docs/aws.md takes one through it."""

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import cast

from botocore.exceptions import BotoCoreError, ClientError

from aws.build.parts import Arch
from aws.deploy import artifacts
from aws.deploy.account import Account, connect, outputs, preflight, stack
from aws.deploy.cost import estimate
from aws.deploy.options import Options, read_options
from aws.deploy.smoke import smoke
from aws.deploy.stacks import TEMPLATES, change_set, discard, execute, table, upload, upload_template
from marquee.bundle import load
from marquee.errors import ConfigError, MarqueeError

FOLDER = Path("build/aws")
UNPROVEN = "Not provable before: IAM as AWS evaluates it, CodeDeploy's shifting, cold starts, alarms firing."


def build(_: Options) -> int:
    """Build all artifacts. Needs no account."""
    arch = os.environ.get("ARCH", "arm64")
    if arch not in {"arm64", "x86_64"}:
        raise ConfigError(f"ARCH={arch}", fix="arm64 or x86_64")
    store = Path(os.environ.get("STORE", "artifacts"))
    print(artifacts.build(store, FOLDER, cast("Arch", arch), os.environ.get("IMAGE_PYTHON", "3.12")).table())
    return 0


def plan(options: Options) -> int:
    """Show what a deployment would change, and what it costs; 2 if it would change anything."""
    account, bucket, parameters = _prepare(options)
    if bucket is None:
        print(f"  add      stack {options.bootstrap_stack}: bucket and image repository (deploy it first)")
        return 2
    url = upload_template(account, bucket, "app.yaml")
    identifier, changes = change_set(account, options.app_stack, parameters, url=url)
    print(table(changes))
    print(estimate(options.parameters))
    print(UNPROVEN)
    if changes:
        discard(account, options.app_stack, identifier)
    return 2 if changes else 0


def deploy(options: Options) -> int:
    """Deploy, prove it with a real request, and go back if that fails. Without CONFIRM=yes, it only plans."""
    if options.confirm != "yes":
        print("CONFIRM=yes is not set, so this only plans.")
        return plan(options)
    account = connect()
    if stack(account, options.bootstrap_stack) is None:
        _bootstrap(account, options)
    account, bucket, parameters = _prepare(options)
    if bucket is None:
        raise MarqueeError(f"stack {options.bootstrap_stack} has no bucket", fix="look at it in CloudFormation")
    before = account.client("ssm")
    url = upload_template(account, bucket, "app.yaml")
    identifier, changes = change_set(account, options.app_stack, parameters, url=url)
    print(table(changes))
    if changes:
        execute(account, options.app_stack, identifier)
    try:
        _smoke(account, options)
    except MarqueeError as error:
        print(f"error: {error}", file=sys.stderr)
        return _go_back(account, options, url) or 1
    good = _last_good(account, options)
    if good and good != parameters:
        before.put_parameter(Name=f"{_memory(options)}/previous", Value=json.dumps(good), Type="String", Overwrite=True)
    before.put_parameter(Name=f"{_memory(options)}/good", Value=json.dumps(parameters), Type="String", Overwrite=True)
    return 0


def check(options: Options) -> int:
    """Pass a real request through what is deployed."""
    _smoke(connect(), options)
    return 0


def rollback(options: Options) -> int:
    """Deploy the parameters of the deployment before the last good one: model, code and image together."""
    account = connect()
    wanted = _last_good(account, options, "previous")
    if wanted is None:
        raise MarqueeError(f"no earlier deployment of {options.app_stack} is noted", fix="deploy an older build")
    bucket = outputs(stack(account, options.bootstrap_stack)).get("Bucket", "")
    identifier, changes = change_set(
        account, options.app_stack, wanted, url=upload_template(account, bucket, "app.yaml")
    )
    print(table(changes))
    if options.confirm != "yes":
        print("CONFIRM=yes is not set, so nothing was done.")
        if changes:
            discard(account, options.app_stack, identifier)
        return 2 if changes else 0
    if changes:
        execute(account, options.app_stack, identifier)
    account.client("ssm").put_parameter(
        Name=f"{_memory(options)}/good", Value=json.dumps(wanted), Type="String", Overwrite=True
    )
    return 0


def destroy(options: Options) -> int:
    """Remove the app stack. Bucket and images stay, unless PURGE=yes."""
    account = connect()
    what = f"stack {options.app_stack} in {account.region} of {account.number}"
    if options.confirm != options.app_stack:
        print(f"would remove {what}: endpoint, function, API, alarms and their logs.")
        print(f"would {'remove' if options.purge else 'keep'} the bucket and the images of {options.bootstrap_stack}.")
        print(f"To do it: make aws-destroy CONFIRM={options.app_stack}")
        return 2
    formation = account.client("cloudformation")
    formation.delete_stack(StackName=options.app_stack)
    formation.get_waiter("stack_delete_complete").wait(StackName=options.app_stack)
    print(f"removed {what}. Kept: versions of its two layers (no cost).")
    if options.purge:
        found = outputs(stack(account, options.bootstrap_stack))
        account.session.resource("s3").Bucket(found["Bucket"]).object_versions.delete()
        formation.delete_stack(StackName=options.bootstrap_stack)
        formation.get_waiter("stack_delete_complete").wait(StackName=options.bootstrap_stack)
        account.client("s3").delete_bucket(Bucket=found["Bucket"])
        name = found["Repository"].partition("/")[2]
        account.client("ecr").delete_repository(repositoryName=name, force=True)
        print(f"removed {options.bootstrap_stack} with its bucket and images")
    return 0


def _prepare(options: Options) -> tuple[Account, str | None, dict[str, str]]:
    """Check everything and upload; the account, the bucket (None before the first deployment), the parameters."""
    built = artifacts.read(FOLDER)
    account = connect()
    print(f"account {account.number}, region {account.region}, as {account.arn}")
    print(f"bundle {built.version}\n{built.table()}")
    found = outputs(stack(account, options.bootstrap_stack))
    if not found:
        return account, None, {}
    for note in preflight(account, options, built):
        print(note)
    print(f"{upload(account, found['Bucket'], built)} files uploaded to {found['Bucket']}")
    host, _, name = found["Repository"].partition("/")
    partition = account.session.get_partition_for_region(account.region)
    parameters = {
        "Stage": options.stage,
        "Bucket": found["Bucket"],
        "RepositoryArn": f"arn:{partition}:ecr:{account.region}:{host.split('.')[0]}:repository/{name}",
        "ImageUri": options.image,
        "Architecture": built.arch,
        **options.parameters,
        **built.keys(),
    }
    return account, found["Bucket"], parameters


def _bootstrap(account: Account, options: Options) -> None:
    body = (TEMPLATES / "bootstrap.yaml").read_text()
    identifier, changes = change_set(account, options.bootstrap_stack, {"Stage": options.stage}, body=body)
    print(table(changes))
    execute(account, options.bootstrap_stack, identifier)
    repository = outputs(stack(account, options.bootstrap_stack)).get("Repository")
    print(f"stack {options.bootstrap_stack} is there; images go to {repository}")


def _smoke(account: Account, options: Options) -> None:
    url = outputs(stack(account, options.app_stack)).get("Url")
    if url is None:
        raise MarqueeError(f"stack {options.app_stack} is not there", fix="make aws-deploy CONFIRM=yes")
    bundle = load(Path(os.environ.get("STORE", "artifacts")))
    built = artifacts.read(FOLDER)
    print(smoke(url, [int(movie) for movie in bundle.catalog.movie_ids[:3]], built.version))


def _go_back(account: Account, options: Options, url: str) -> int:
    good = _last_good(account, options)
    if good is None:
        print("there is no earlier deployment to go back to: the stack stays, to be looked at", file=sys.stderr)
        return 1
    identifier, changes = change_set(account, options.app_stack, good, url=url)
    if changes:
        execute(account, options.app_stack, identifier)
    print("the deployment before is back", file=sys.stderr)
    return 1


def _memory(options: Options) -> str:
    return f"/marquee/{options.stage}"


def _last_good(account: Account, options: Options, which: str = "good") -> dict[str, str] | None:
    ssm = account.client("ssm")
    try:
        value = ssm.get_parameter(Name=f"{_memory(options)}/{which}")["Parameter"]["Value"]
    except ssm.exceptions.ParameterNotFound:
        return None
    known: dict[str, str] = json.loads(value)
    return known


COMMANDS: dict[str, Callable[[Options], int]] = {
    "build": build,
    "plan": plan,
    "deploy": deploy,
    "smoke": check,
    "rollback": rollback,
    "destroy": destroy,
}


def main(arguments: list[str]) -> int:
    """Run a command; the exit code."""
    if len(arguments) != 1 or arguments[0] not in COMMANDS:
        print(f"usage: python -m aws.deploy {'|'.join(COMMANDS)}  (docs/aws.md)", file=sys.stderr)
        return 2
    try:
        return COMMANDS[arguments[0]](read_options())
    except MarqueeError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    except (BotoCoreError, ClientError) as error:
        print(f"error: {error}\n  fix: see the deployer's policy in docs/aws.md", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
