"""Deletes what earlier deployments leave behind: versions of function and layers, images. What is in use stays."""

from collections.abc import Collection, Iterator
from typing import Any

from botocore.exceptions import ClientError

# Of each kind the newest, in use or not. Lambda stores 75 GB per region; an image has about 100 MB.
KEEP_VERSIONS = 3
KEEP_IMAGES = 20


def prune(session: Any, app: str, repository: str, images: Collection[str]) -> Iterator[str]:
    """Delete old versions and images; yields a line for each kind.

    Args:
        session: boto3's session.
        app: Name of the app stack, which the function and its layers have too.
        repository: Name of the image repository.
        images: URIs by digest of images that must stay.
    """
    yield f"deleted {_versions(session.client('lambda'), app)} old versions of function and layers"
    yield f"deleted {_images(session.client('ecr'), repository, images)} old images"


def _versions(functions: Any, app: str) -> int:
    try:
        pages = functions.get_paginator("list_versions_by_function").paginate(FunctionName=app)
        versions = {one["Version"]: one for page in pages for one in page["Versions"]}
        aliases = functions.list_aliases(FunctionName=app)["Aliases"]
    except functions.exceptions.ResourceNotFoundException:
        return 0
    shifted = [number for one in aliases for number in one.get("RoutingConfig", {}).get("AdditionalVersionWeights", {})]
    newest = sorted((one for one in versions if one.isdecimal()), key=int)[-KEEP_VERSIONS:]
    kept = {"$LATEST", *newest, *shifted, *(one["FunctionVersion"] for one in aliases)}
    for number in versions.keys() - kept:
        functions.delete_function(FunctionName=app, Qualifier=number)
    used = {layer["Arn"] for number in kept & versions.keys() for layer in versions[number].get("Layers", [])}
    n_layers = 0
    for name in (f"{app}-packages", f"{app}-bundle"):
        pages = functions.get_paginator("list_layer_versions").paginate(LayerName=name)
        layers = sorted((one for page in pages for one in page["LayerVersions"]), key=lambda one: one["Version"])
        for one in layers[:-KEEP_VERSIONS]:
            if one["LayerVersionArn"] not in used:
                functions.delete_layer_version(LayerName=name, VersionNumber=one["Version"])
                n_layers += 1
    return len(versions.keys() - kept) + n_layers


def _images(ecr: Any, repository: str, images: Collection[str]) -> int:
    pages = ecr.get_paginator("describe_images").paginate(repositoryName=repository)
    found = sorted((one for page in pages for one in page["imageDetails"]), key=lambda one: one["imagePushedAt"])
    used = {uri.rpartition("@")[2] for uri in images}
    old = [one["imageDigest"] for one in found[:-KEEP_IMAGES] if one["imageDigest"] not in used]
    for start in range(0, len(old), 100):  # ECR's limit
        digests = [{"imageDigest": digest} for digest in old[start : start + 100]]
        if failures := ecr.batch_delete_image(repositoryName=repository, imageIds=digests)["failures"]:
            raise ClientError({"Error": {"Code": failures[0]["failureCode"]}}, "BatchDeleteImage")
    return len(old)
