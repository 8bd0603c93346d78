"""The deploy tool's commands, one after the other, as a user gives them."""

import os

import pytest

from aws.deploy import account as accounts
from aws.deploy.memory import GOOD, PREVIOUS, recall

STACKS = ("marquee-test-bootstrap", "marquee-test")


def stacks_there(account):
    return [name for name in STACKS if account.stack(name)]


def remembered(account, which):
    found = recall(account.connected, "test", which)
    return found and found.parameters["ModelKey"]


@pytest.fixture
def say(monkeypatch):
    """`say(CONFIRM="yes", ...)`"""
    return lambda **given: [monkeypatch.setenv(name, value) for name, value in given.items()]


@pytest.fixture
def first(account, say):
    """The key of version 1, deployed."""
    say(CONFIRM="yes")
    assert account.run("deploy") == 1  # an image is missing
    account.push()
    assert account.run("deploy") == 0
    return account.deployed()


def test_planning_changes_nothing(account, capsys):
    assert account.run("plan") == 0
    said = capsys.readouterr().out
    assert "bundle 2" in said  # its version
    assert "marquee-test-bootstrap: bucket and image repository" in said
    assert account.run("deploy") == 2
    assert "CONFIRM=yes is not set" in capsys.readouterr().out
    assert stacks_there(account) == []


def test_the_first_deployment(account, say, capsys):
    say(CONFIRM="yes")
    assert account.run("deploy") == 1
    told = capsys.readouterr()
    assert "IMAGE is not set" in told.err
    assert "images go to 123456789012.dkr.ecr.us-east-1.amazonaws.com/marquee-sagemaker-test" in told.out
    assert stacks_there(account) == ["marquee-test-bootstrap"]
    account.push()
    assert account.run("plan") == 0
    said = capsys.readouterr().out
    assert "4 files uploaded" in said
    assert "serverless, nothing while idle" in said  # what it costs
    assert stacks_there(account) == ["marquee-test-bootstrap"]
    assert account.run("deploy") == 0
    said = capsys.readouterr().out
    assert "0 files uploaded" in said  # the same content is never sent twice
    assert "recommends from the endpoint" in said
    assert remembered(account, GOOD) == account.deployed()
    assert remembered(account, PREVIOUS) is None
    assert account.run("smoke") == 0
    capsys.readouterr()
    assert account.run("deploy") == 0
    assert "nothing: marquee-test is as wanted already" in capsys.readouterr().out


def test_an_endpoint_that_does_not_answer_is_rolled_back(account, first, capsys):
    account.build(2, healthy=False)
    assert account.run("deploy") == 1
    told = capsys.readouterr().err
    assert "served by item_cf, degraded ['retrieval_timeout']" in told
    assert "the deployment before is back, and answers" in told
    assert account.deployed() == remembered(account, GOOD) == first
    assert account.run("smoke") == 0


def test_a_first_deployment_that_does_not_answer_stays_to_be_looked_at(account, say, capsys):
    account.build(1, healthy=False)
    say(CONFIRM="yes")
    account.run("deploy")
    account.push()
    assert account.run("deploy") == 1
    assert "make aws-destroy CONFIRM=marquee-test removes it" in capsys.readouterr().err
    assert remembered(account, GOOD) is None


def test_another_bundle_than_the_deployed_one_is_no_success(account, first, capsys):
    second = account.build(2)
    account.apps[second.keys()["ModelKey"]] = account.apps[first]
    assert account.run("deploy") == 1
    assert account.deployed() == first


def test_back_and_forward_again(account, first, say, capsys):
    assert account.run("rollback") == 1
    assert "no earlier deployment" in capsys.readouterr().err
    second = account.build(2).keys()["ModelKey"]
    assert account.run("deploy") == 0
    assert (remembered(account, GOOD), remembered(account, PREVIOUS)) == (second, first)
    say(CONFIRM="")
    assert account.run("rollback") == 2
    assert "nothing was done" in capsys.readouterr().out
    assert account.deployed() == second
    say(CONFIRM="yes")
    assert account.run("rollback") == 0
    assert account.deployed() == first
    assert account.run("rollback") == 0
    assert account.deployed() == second


def test_going_back_takes_the_template_of_then(account, first, tmp_path):
    template = tmp_path / "templates/app.yaml"
    template.write_text(template.read_text() + "  New: {Value: here}\n")
    second = account.build(2)
    assert account.run("deploy") == 0

    def new():
        return accounts.outputs(account.stack("marquee-test")).get("New")

    assert new() == "here"
    assert account.run("rollback") == 0
    assert account.deployed() != second.keys()["ModelKey"]
    assert new() is None


def test_destroying_keeps_the_data(account, first, say, capsys):
    say(CONFIRM="yes")
    assert account.run("destroy") == 2
    said = capsys.readouterr().out
    assert "keeps the bucket and the images" in said
    assert "make aws-destroy CONFIRM=marquee-test" in said
    assert stacks_there(account) == list(STACKS)
    say(CONFIRM="marquee-test")
    assert account.run("destroy") == 0
    assert stacks_there(account) == ["marquee-test-bootstrap"]
    assert remembered(account, GOOD) is None
    bucket = "marquee-test-123456789012-us-east-1"
    assert account.connected.client("s3").head_object(Bucket=bucket, Key=first)
    say(CONFIRM="yes")
    assert account.run("deploy") == 0  # what is kept is used again
    assert account.deployed() == first


def test_purging_takes_everything(account, first, say):
    say(CONFIRM="marquee-test", PURGE="yes")
    assert account.run("destroy") == 0
    assert stacks_there(account) == []
    assert account.connected.client("s3").list_buckets()["Buckets"] == []
    assert account.connected.client("ecr").describe_repositories()["repositories"] == []


def test_files_that_changed_since_they_were_built_are_refused(account, tmp_path, capsys):
    (tmp_path / "build/aws/function").write_bytes(b"another")
    assert account.run("plan") == 1
    assert "build/aws/function is not what was built" in capsys.readouterr().err


def test_a_store_that_moved_on_is_noticed(account, first, tmp_path, capsys):
    before = os.environ["STORE"]
    account.build(2)
    os.environ["STORE"] = before
    assert account.run("deploy") == 1
    assert "make aws-build" in capsys.readouterr().err


def test_each_command_says_first_what_it_touches(account, capsys):
    for command in ("plan", "smoke", "rollback", "destroy"):
        account.run(command)
        assert capsys.readouterr().out.startswith(f"aws-{command} ")
