"""The commands, each from the options to an exit code. What they cost and touch is printed before they do it."""

import os
import sys
from pathlib import Path
from typing import cast

from aws.build.parts import Arch
from aws.build.verify import model_problems, zip_problems
from aws.deploy import artifacts
from aws.deploy.account import Account, connect, outputs, preflight, stack
from aws.deploy.cost import estimate
from aws.deploy.memory import GOOD, PREVIOUS, Deployment, forget, recall, remember
from aws.deploy.options import Options
from aws.deploy.smoke import smoke
from aws.deploy.stacks import TEMPLATES, ChangeSet, change_set, discard, execute, remove, upload, upload_template
from marquee.bundle import load
from marquee.errors import ConfigError, MarqueeError

FOLDER = Path("build/aws")
UNPROVEN = "Not provable before: IAM as AWS evaluates it, CodeDeploy's shifting, cold starts, alarms firing."
UNCONFIRMED = 2  # exit code: nothing was done, since nobody said CONFIRM


def build(_: Options) -> int:
    """Build all artifacts."""
    arch = os.environ.get("ARCH", "arm64")
    if arch not in {"arm64", "x86_64"}:
        raise ConfigError(f"ARCH={arch}", fix="arm64 or x86_64")
    python = os.environ.get("IMAGE_PYTHON", "3.12")
    print(artifacts.build(_store(), FOLDER, cast("Arch", arch), python).table())
    return 0


def verify(_: Options) -> int:
    """Open what was built as AWS would; 1 if anything is wrong with it."""
    built = artifacts.read(FOLDER)
    problems = []
    for what, one in built.files.items():
        path = FOLDER / one.name
        found = model_problems(path) if what == "model" else zip_problems(path, what)
        problems += [f"{path}: {problem}" for problem in found]
    print("\n".join(problems) or f"{built.table()}\nall archives are sound")
    return 1 if problems else 0


def plan(options: Options) -> int:
    """Show what a deployment would change, and what it costs."""
    account = _connect()
    wanted = _prepare(account, options)
    if wanted is None:
        print(f"  add      stack {options.bootstrap_stack}: bucket and image repository (deploy it first)")
    else:
        discard(account, _show(account, options, wanted))
        print(UNPROVEN)
    return 0


def deploy(options: Options) -> int:
    """Deploy, prove it with a real request, and go back if that fails. Without CONFIRM=yes, it only plans."""
    if options.confirm != "yes":
        plan(options)
        print("CONFIRM=yes is not set, so this only planned.")
        return UNCONFIRMED
    account = _connect()
    if stack(account, options.bootstrap_stack) is None:
        _bootstrap(account, options)
    wanted = _prepare(account, options)
    if wanted is None:
        raise MarqueeError(f"stack {options.bootstrap_stack} has no bucket", fix="look at it in CloudFormation")
    execute(account, _show(account, options, wanted))
    try:
        _prove(account, options, wanted)
    except MarqueeError as error:
        print(f"error: {error}", file=sys.stderr)
        return _go_back(account, options)
    remember(account, options.stage, wanted)
    return 0


def check(options: Options) -> int:
    """Pass a real request through what is deployed."""
    account = _connect()
    deployed = recall(account, options.stage, GOOD)
    if deployed is None:
        raise MarqueeError(f"no deployment of {options.app_stack} is noted", fix="make aws-deploy CONFIRM=yes")
    _prove(account, options, deployed)
    return 0


def rollback(options: Options) -> int:
    """Deploy what was good before: template, model, code and image together. Once more goes forward again."""
    account = _connect()
    wanted = recall(account, options.stage, PREVIOUS)
    if wanted is None:
        raise MarqueeError(f"no earlier deployment of {options.app_stack} is noted", fix="deploy an older build")
    print(f"back to bundle {wanted.version}, image {wanted.parameters['ImageUri']}")
    planned = _show(account, options, wanted)
    if options.confirm != "yes":
        discard(account, planned)
        print("CONFIRM=yes is not set, so nothing was done.")
        return UNCONFIRMED
    execute(account, planned)
    _prove(account, options, wanted)
    remember(account, options.stage, wanted)
    return 0


def destroy(options: Options) -> int:
    """Remove the app stack. Bucket and images stay, unless PURGE=yes."""
    account = _connect()
    kept = "removes" if options.purge else "keeps"
    print(f"removes {options.app_stack}: endpoint, function, API, alarms and their logs. Their cost ends with them.")
    print(f"{kept} the bucket and the images of {options.bootstrap_stack} (PURGE=yes removes them).")
    if options.confirm != options.app_stack:
        print(f"Nothing was done. To do it: make aws-destroy CONFIRM={options.app_stack}")
        return UNCONFIRMED
    remove(account, options.app_stack)
    forget(account, options.stage)
    print("removed. Left over: versions of its two layers, which cost nothing.")
    if options.purge:
        _purge(account, options)
    return 0


def _connect() -> Account:
    account = connect()
    print(f"account {account.number}, region {account.region}, as {account.arn}")
    return account


def _store() -> Path:
    return Path(os.environ.get("STORE", "artifacts"))


def _prepare(account: Account, options: Options) -> Deployment | None:
    """Check everything and upload: what would be deployed, or None before the bootstrap stack is there."""
    built = artifacts.read(FOLDER)
    print(f"bundle {built.version}\n{built.table()}")
    found = outputs(stack(account, options.bootstrap_stack))
    if not found:
        return None
    for note in preflight(account, options, built):
        print(note)
    bucket, repository = found["Bucket"], found["Repository"]
    print(f"{upload(account, bucket, built)} files uploaded to {bucket}")
    host, _, name = repository.partition("/")
    partition = account.session.get_partition_for_region(account.region)
    parameters = {
        "Stage": options.stage,
        "Bucket": bucket,
        "RepositoryArn": f"arn:{partition}:ecr:{account.region}:{host.split('.')[0]}:repository/{name}",
        "ImageUri": options.image,
        "Architecture": built.arch,
        **options.parameters,
        **built.keys(),
    }
    return Deployment(upload_template(account, bucket, "app.yaml"), parameters, built.version, _films(built.version))


def _films(version: str) -> list[int]:
    """A few films of the bundle that was built, to ask about."""
    bundle = load(_store())
    if bundle.version != version:
        raise MarqueeError(f"{_store()} has bundle {bundle.version} by now, built was {version}", fix="make aws-build")
    return [int(movie) for movie in bundle.catalog.movie_ids[:3]]


def _bootstrap(account: Account, options: Options) -> None:
    body = (TEMPLATES / "bootstrap.yaml").read_text()
    planned = change_set(account, options.bootstrap_stack, {"Stage": options.stage}, body=body)
    print(planned.table())
    execute(account, planned)
    repository = outputs(stack(account, options.bootstrap_stack)).get("Repository")
    print(f"stack {options.bootstrap_stack} is there; images go to {repository}")


def _show(account: Account, options: Options, wanted: Deployment) -> ChangeSet:
    planned = change_set(account, options.app_stack, wanted.parameters, url=wanted.template)
    print(f"{planned.table()}\n{estimate(wanted.parameters)}")
    return planned


def _prove(account: Account, options: Options, deployed: Deployment) -> None:
    url = outputs(stack(account, options.app_stack)).get("Url")
    if url is None:
        raise MarqueeError(f"stack {options.app_stack} is not there", fix="make aws-deploy CONFIRM=yes")
    origin = deployed.parameters.get("CorsOrigins", "").partition(",")[0]
    print(smoke(url, deployed.movie_ids, deployed.version, origin=origin, seconds=options.smoke_seconds))


def _go_back(account: Account, options: Options) -> int:
    good = recall(account, options.stage, GOOD)
    if good is None:
        print(
            "There is no earlier deployment to go back to: the stack stays, to be looked at.\n"
            f"make aws-destroy CONFIRM={options.app_stack} removes it.",
            file=sys.stderr,
        )
        return 1
    execute(account, change_set(account, options.app_stack, good.parameters, url=good.template))
    _prove(account, options, good)
    print("the deployment before is back, and answers", file=sys.stderr)
    return 1


def _purge(account: Account, options: Options) -> None:
    found = outputs(stack(account, options.bootstrap_stack))
    if not found:
        print(f"there is no stack {options.bootstrap_stack}")
        return
    # The stack keeps both when it goes, so they are removed by hand.
    remove(account, options.bootstrap_stack)
    account.session.resource("s3", region_name=account.region).Bucket(found["Bucket"]).object_versions.delete()
    account.client("s3").delete_bucket(Bucket=found["Bucket"])
    account.client("ecr").delete_repository(repositoryName=found["Repository"].partition("/")[2], force=True)
    print(f"removed {options.bootstrap_stack} with its bucket and images")
