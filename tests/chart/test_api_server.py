"""A real API server says whether it would take the objects: the best validator there is. Nothing is created."""

import functools
import os
import shutil
import subprocess

import pytest
import yaml

CONTEXT = f"kind-{os.environ.get('CLUSTER', 'marquee')}"


def kubectl(*arguments, given=None):
    command = ["kubectl", "--context", CONTEXT, "--request-timeout", "30s", *arguments]
    return subprocess.run(command, check=False, capture_output=True, text=True, input=given)


@functools.cache
def served():
    """The API versions of the cluster; none where there is no cluster."""
    if shutil.which("kubectl") is None:
        return frozenset()
    return frozenset(kubectl("api-versions").stdout.split())


if not served():
    pytest.skip(f"there is no cluster {CONTEXT}: make kind-up makes one", allow_module_level=True)


def test_the_api_server_takes_every_object_without_a_warning(objects):
    known = [one for one in objects if one["apiVersion"] in served()]
    # A dry run needs a namespace that exists, and a bare Pod the service account as well.
    placed = [{**one, "metadata": {**one["metadata"], "namespace": "default"}} for one in known]
    for pod in (one for one in placed if one["kind"] == "Pod"):
        pod["spec"] = {**pod["spec"], "serviceAccountName": "default"}
    done = kubectl("apply", "--dry-run=server", "--warnings-as-errors", "-f", "-", given=yaml.safe_dump_all(placed))
    assert done.returncode == 0, done.stderr
