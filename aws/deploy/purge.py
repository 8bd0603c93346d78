"""Removes what outlives the stacks: bucket, images, versions of layers. Begun again, it goes on where it stopped."""

from botocore.exceptions import ClientError

from aws.deploy.account import Account, outputs, stack
from aws.deploy.options import Options
from aws.deploy.stacks import remove

LAYERS = ("packages", "bundle")
_GONE = {"NoSuchBucket", "RepositoryNotFoundException", "ResourceNotFoundException", "404"}


def purge(account: Account, options: Options) -> None:
    """Empty and delete everything; the bootstrap stack, which knows the names, last."""
    found = outputs(stack(account, options.bootstrap_stack))
    # As in the bootstrap template: a stack that is gone tells no names, and what it kept is there all the same.
    bucket = found.get("Bucket", f"marquee-{options.stage}-{account.number}-{account.region}")
    repository = found.get("Repository", f"/marquee-sagemaker-{options.stage}").partition("/")[2]
    _bucket(account, bucket)
    _repository(account, repository)
    for layer in LAYERS:
        _layer(account, f"marquee-{options.stage}-{layer}")
    remove(account, options.bootstrap_stack)
    print(f"removed {options.bootstrap_stack}, {bucket}, {repository} and all versions of the layers")


def _bucket(account: Account, name: str) -> None:
    try:
        account.session.resource("s3", region_name=account.region).Bucket(name).object_versions.delete()
        account.client("s3").delete_bucket(Bucket=name)
    except ClientError as error:
        _pass_if_gone(error)


def _repository(account: Account, name: str) -> None:
    try:
        account.client("ecr").delete_repository(repositoryName=name, force=True)
    except ClientError as error:
        _pass_if_gone(error)


def _layer(account: Account, name: str) -> None:
    functions = account.client("lambda")
    try:
        pages = functions.get_paginator("list_layer_versions").paginate(LayerName=name)
        versions = [one["Version"] for page in pages for one in page["LayerVersions"]]
    except ClientError as error:
        _pass_if_gone(error)
        return
    for version in versions:
        functions.delete_layer_version(LayerName=name, VersionNumber=version)


def _pass_if_gone(error: ClientError) -> None:
    if error.response["Error"]["Code"] not in _GONE:
        raise error
