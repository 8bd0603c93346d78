"""The deploy tool's commands, one after the other, as a user gives them."""

import os

import pytest

from aws.deploy import account as accounts
from aws.deploy.memory import GOOD, PREVIOUS, recall
from aws.deploy.smoke import ATTEMPTS
from marquee.errors import MarqueeError

from .conftest import ORIGIN

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
    # moto compares what is given, and only from now on are the template's defaults given too.
    assert account.run("deploy") == 0
    capsys.readouterr()
    assert account.run("deploy") == 0
    assert "nothing: marquee-test is as wanted already" in capsys.readouterr().out


def test_an_endpoint_that_does_not_answer_is_rolled_back(account, first, capsys):
    account.build(2, endpoint="down")
    assert account.run("deploy") == 1
    told = capsys.readouterr().err
    assert "served by item_cf, degraded ['retrieval_timeout']" in told
    assert "the deployment before is back, and answers" in told
    assert account.deployed() == remembered(account, GOOD) == first
    assert account.run("smoke") == 0


def test_the_way_back_waits_for_no_alarm_and_is_not_chosen_for_good(account, first):
    """A canary would be stopped by the alarms that the broken deployment set off."""

    def shifts():
        return accounts.parameters_of(account.stack("marquee-test"))["Deployment"]

    canary = shifts()
    account.build(2, endpoint="down")
    assert account.run("deploy") == 1
    assert (canary, shifts()) == ("Canary10Percent5Minutes", "AllAtOnce")
    account.build(3)
    assert account.run("deploy") == 0
    assert shifts() == canary
    assert account.run("rollback") == 0
    assert (account.deployed(), shifts()) == (first, "AllAtOnce")


def test_a_first_deployment_that_does_not_answer_stays_to_be_looked_at(account, say, capsys):
    account.build(1, endpoint="down")
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


def test_an_endpoint_with_the_old_model_is_no_success(account, first, capsys):
    account.build(2, endpoint="skewed")
    assert account.run("deploy") == 1
    told = capsys.readouterr().err
    assert "served by two_tower, degraded ['version_skew']" in told
    assert "the deployment before is back, and answers" in told
    assert account.deployed() == remembered(account, GOOD) == first


def test_a_connection_that_breaks_is_asked_again(account, first, capsys):
    second = account.build(2).keys()["ModelKey"]
    account.hang_ups[second] = ATTEMPTS - 1
    assert account.run("deploy") == 0
    assert account.hang_ups[second] == 0
    assert account.deployed() == remembered(account, GOOD) == second


def test_a_connection_that_always_breaks_is_rolled_back(account, first, capsys):
    second = account.build(2).keys()["ModelKey"]
    account.hang_ups[second] = 100
    assert account.run("deploy") == 1
    told = capsys.readouterr().err
    assert "no answer to POST http" in told
    assert "RemoteDisconnected" in told
    assert "the deployment before is back, and answers" in told
    assert account.deployed() == remembered(account, GOOD) == first


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


def test_purging_goes_on_where_it_stopped(account, first, say, monkeypatch, capsys):
    functions = account.connected.client("lambda")
    functions.publish_layer_version(LayerName="marquee-test-bundle", Content={"ZipFile": b"x"})
    say(CONFIRM="marquee-test", PURGE="yes")

    def fails(*_):
        raise MarqueeError("not now")

    with monkeypatch.context() as patched:
        patched.setattr("aws.deploy.purge._repository", fails)
        assert account.run("destroy") == 1
    assert stacks_there(account) == ["marquee-test-bootstrap"]  # it knows the names of what is left
    assert account.connected.client("ecr").describe_repositories()["repositories"]
    assert account.run("destroy") == 0
    assert stacks_there(account) == []
    assert account.connected.client("ecr").describe_repositories()["repositories"] == []
    assert functions.list_layers()["Layers"] == []


def test_purging_without_a_bootstrap_stack(account, first, say):
    account.connected.client("cloudformation").delete_stack(StackName="marquee-test-bootstrap")
    s3 = account.connected.client("s3")
    bucket = "marquee-test-123456789012-us-east-1"
    if not s3.list_buckets()["Buckets"]:  # moto doesn't know DeletionPolicy
        s3.create_bucket(Bucket=bucket)
    s3.put_object(Bucket=bucket, Key="models/x", Body=b"x")
    say(CONFIRM="marquee-test", PURGE="yes")
    assert account.run("destroy") == 0
    assert s3.list_buckets()["Buckets"] == []


def test_what_was_chosen_once_stays_chosen(account, first, say, capsys):
    def deployed():
        found = accounts.parameters_of(account.stack("marquee-test"))
        return {name: found[name] for name in ("LogDays", "AlarmEmail", "CorsOrigins")}

    say(LOG_DAYS="7", ALARM_EMAIL="ops@example.org")
    assert account.run("deploy") == 0
    chosen = {"LogDays": "7", "AlarmEmail": "ops@example.org", "CorsOrigins": ORIGIN}
    assert deployed() == chosen
    assert "LogDays: 30 -> 7" in capsys.readouterr().out
    say(LOG_DAYS="", ALARM_EMAIL="", CORS_ORIGINS="")
    account.build(2)
    assert account.run("deploy") == 0
    assert deployed() == chosen
    assert "LogDays" not in capsys.readouterr().out
    say(LOG_DAYS="default", ALARM_EMAIL="default")
    assert account.run("deploy") == 0
    assert deployed() == {"LogDays": "30", "AlarmEmail": "", "CorsOrigins": ORIGIN}
    assert "LogDays: 7 -> the default of the template" in capsys.readouterr().out


def test_the_same_again_is_nothing_to_go_back_to(account, first):
    assert account.run("deploy") == 0
    assert remembered(account, PREVIOUS) is None


def test_a_new_bootstrap_template_is_deployed_too(account, first, say, tmp_path, capsys):
    template = tmp_path / "templates/bootstrap.yaml"
    resource = "  Extra: {Type: AWS::SNS::Topic}\n"
    template.write_text(template.read_text().replace("Resources:\n", f"Resources:\n{resource}"))
    capsys.readouterr()
    assert account.run("plan") == 0
    assert "Extra" in capsys.readouterr().out
    formation = account.connected.client("cloudformation")

    def extra():
        found = formation.list_stack_resources(StackName="marquee-test-bootstrap")["StackResourceSummaries"]
        return [one["LogicalResourceId"] for one in found if one["LogicalResourceId"] == "Extra"]

    assert extra() == []
    assert account.run("deploy") == 0
    assert extra() == ["Extra"]


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
