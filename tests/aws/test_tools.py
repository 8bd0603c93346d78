"""Templates and the deploy tool, under the tools of .venv-aws."""

import os
import subprocess

import pytest

from .conftest import HERE, ROOT, needs


@pytest.mark.parametrize("what", ["deploy", "policies"])
def test_deploy_tool_on_moto_and_policies(what):
    environment = {**os.environ, "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}"}
    command = [needs("tools") / "bin/python", HERE / "deploy_on_moto.py", what]
    done = subprocess.run(command, check=False, env=environment, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]


def test_cfn_lint():
    templates = sorted((ROOT / "aws/templates").glob("*.yaml"))
    done = subprocess.run([needs("tools") / "bin/cfn-lint", *templates], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
