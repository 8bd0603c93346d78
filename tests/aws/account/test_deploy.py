"""The deploy commands, with SAM's command line for real, one after the other as a user gives them.

Each run of SAM takes seconds, so a test is a sequence of commands on one account.
"""

import json

import boto3
import pytest

from aws import deploy
from aws.deploy import GOOD, PREVIOUS
from aws.prune import prune
from marquee.errors import MarqueeError

from .conftest import ORIGIN

STACKS = ["marquee-test", "marquee-test-bootstrap"]
BUCKET = "marquee-test-123456789012-us-east-1"


def recorded(account, which):
    found = account.record.recall(which)
    return found and found.parameters["ModelKey"]


@pytest.fixture
def say(monkeypatch):
    """`say(CONFIRM="yes", ...)`"""
    return lambda **given: [monkeypatch.setenv(name, value) for name, value in given.items()]


@pytest.fixture
def first(account, say):
    """The key of version 1's model, deployed."""
    template = (deploy.TEMPLATES / "bootstrap.yaml").read_text()
    given = [{"ParameterKey": "Stage", "ParameterValue": "test"}]
    boto3.client("cloudformation").create_stack(StackName=STACKS[1], TemplateBody=template, Parameters=given)
    account.push()
    say(CONFIRM="yes")
    assert account.run("deploy") == 0
    return account.deployed()


def test_the_first_deployment(account, deployer, say, capfd):
    assert account.run("policies") == 0
    assert capfd.readouterr().out.count("aws iam create-policy --policy-name marquee-test-") == 3
    assert account.run("deploy") == 2  # not confirmed
    assert account.stacks() == []
    say(CONFIRM="yes")
    assert account.run("deploy") == 1
    out, err = capfd.readouterr()
    assert "IMAGE= names no image by digest" in err
    assert "images go to 123456789012.dkr.ecr.us-east-1.amazonaws.com/marquee-sagemaker-test" in out
    assert account.stacks() == STACKS[1:]
    account.push()
    assert account.run("plan") == 0
    assert capfd.readouterr().out.count("uploaded ") == 5
    assert account.stacks() == STACKS[1:]
    # One that doesn't answer stays, to be looked at.
    account.build(1, endpoint="down")
    assert account.run("deploy") == 1
    out, err = capfd.readouterr()
    assert "uploaded" not in out  # the same content is never sent twice
    assert "Successfully created/updated stack - marquee-test" in out  # SAM's
    assert "make aws-destroy CONFIRM=marquee-test removes it" in err
    assert account.stacks() == STACKS
    assert recorded(account, GOOD) is None
    # The same content again, which answers now.
    account.build(1)
    assert account.run("deploy") == 0
    out = capfd.readouterr().out
    assert "No changes to deploy. Stack marquee-test is up to date" in out
    assert "recommends from the endpoint" in out
    assert "deleted 0 old images" in out
    assert recorded(account, GOOD) == account.deployed()
    assert recorded(account, PREVIOUS) is None
    assert account.parameters()["CorsOrigins"] == ORIGIN
    assert account.run("smoke") == 0
    assert account.run("deploy") == 0
    assert recorded(account, PREVIOUS) is None  # the same again is nothing to go back to


def test_back_and_forward_again(account, first, say, tmp_path, capfd):
    assert account.run("rollback") == 1
    assert "no earlier deployment" in capfd.readouterr().err
    # A deployment that doesn't answer as it must is rolled back.
    canary = account.parameters()["Deployment"]
    account.build(2, endpoint="skewed")
    assert account.run("deploy") == 1
    err = capfd.readouterr().err
    assert "served by two_tower, degraded ['version_skew']" in err
    assert "the deployment before is back, and answers" in err
    assert account.deployed() == recorded(account, GOOD) == first
    # The way back waits for no alarm: a canary would be stopped by those that the broken deployment set off.
    assert (canary, account.parameters()["Deployment"]) == ("Canary10Percent5Minutes", "AllAtOnce")
    # The next one has a canary again, another template, and another parameter.
    template = tmp_path / "templates/app.yaml"
    template.write_text(template.read_text() + "  New: {Value: here}\n")
    second = account.build(3)
    # As many origins as a company has, more than 4 KB of parameters, and its tags.
    origins = ",".join(
        [ORIGIN, *(f"https://department-{number:02}.{'films' * 10}.example.org" for number in range(31))]
    )
    say(LOG_DAYS="7", CORS_ORIGINS=origins, TAGS="team=films 'cost centre=42 a'")
    assert account.run("deploy") == 0
    assert account.parameters()["Deployment"] == canary
    assert (recorded(account, GOOD), recorded(account, PREVIOUS)) == (second, first)

    def state():
        assert account.record.tags("marquee-test") == {"team": "films", "cost centre": "42 a"}
        return account.deployed(), account.record.stack("marquee-test")[1].get("New"), account.parameters()["LogDays"]

    assert state() == (second, "here", "7")
    assert len(account.parameters()["CorsOrigins"].split(",")) == 32
    say(CONFIRM="", LOG_DAYS="", CORS_ORIGINS="", TAGS="")
    assert account.run("rollback") == 2
    assert state() == (second, "here", "7")
    say(CONFIRM="yes")
    assert account.run("rollback") == 0
    assert state() == (first, None, "30")  # template and parameters of then
    assert account.run("rollback") == 0
    assert state() == (second, "here", "7")


def test_destroying_keeps_the_data_and_purging_takes_it(account, first, say):
    assert account.run("destroy") == 2  # CONFIRM is yes, and not the stack's name
    assert account.stacks() == STACKS
    say(CONFIRM="marquee-test")
    assert account.run("destroy") == 0
    assert account.stacks() == STACKS[1:]
    assert recorded(account, GOOD) is None
    s3, ecr, functions = (boto3.client(one) for one in ("s3", "ecr", "lambda"))
    assert s3.head_object(Bucket=BUCKET, Key=first)
    say(CONFIRM="yes")
    assert account.run("deploy") == 0  # what was kept is used again
    assert account.deployed() == first
    functions.publish_layer_version(LayerName="marquee-test-bundle", Content={"ZipFile": b"x"})
    say(CONFIRM="marquee-test", PURGE="yes")
    assert account.run("destroy") == 0
    assert account.stacks() == []
    assert s3.list_buckets()["Buckets"] == []
    assert ecr.describe_repositories()["repositories"] == []
    assert functions.list_layers()["Layers"] == []


def test_purging_goes_on_where_it_stopped(account, say):
    """Without the bootstrap stack, whose bucket and images are retained."""
    s3 = boto3.client("s3")
    s3.create_bucket(Bucket=BUCKET)
    s3.put_object(Bucket=BUCKET, Key="models/x", Body=b"x")
    say(CONFIRM="marquee-test", PURGE="yes")
    assert account.run("destroy") == 0
    assert s3.list_buckets()["Buckets"] == []


def test_a_sam_that_fails_or_is_missing(account, say, capfd):
    say(CONFIRM="yes")
    for sam, complaint in (("/bin/false", "sam deploy of marquee-test-bootstrap failed"), ("/no/sam", "make aws-sam")):
        say(SAM=sam)
        assert account.run("deploy") == 1
        assert complaint in capfd.readouterr().err
    assert account.stacks() == []


def test_no_region(account, monkeypatch, capfd):
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    assert account.run("plan") == 1
    assert "no region is set" in capfd.readouterr().err


def test_what_an_earlier_bootstrap_stack_left_is_adopted(account, say, capfd):
    s3, ecr = boto3.client("s3"), boto3.client("ecr")
    s3.create_bucket(Bucket=BUCKET)
    s3.put_object(Bucket=BUCKET, Key="models/x", Body=b"x")
    ecr.create_repository(repositoryName="marquee-sagemaker-test")
    template = (deploy.TEMPLATES / "bootstrap.yaml").read_text()
    assert account.record.is_left()
    account.record.adopt(template, execute=False)
    assert account.stacks() == []
    account.record.adopt(template, execute=True)
    assert account.stacks() == STACKS[1:]
    assert not account.record.is_left()
    assert s3.get_object(Bucket=BUCKET, Key="models/x")["Body"].read() == b"x"
    assert account.record.stack(STACKS[1])[1]["Bucket"] == BUCKET


def test_a_repository_alone_is_adopted_and_nothing_else(account):
    assert not account.record.is_left()
    boto3.client("ecr").create_repository(repositoryName="marquee-sagemaker-test")
    assert account.record.is_left()


@pytest.mark.parametrize("tags", ["films", "=x"])
def test_tags_without_keys_and_values(account, say, tags):
    say(TAGS=tags)
    with pytest.raises(MarqueeError, match="TAGS has"):
        account.record.tags("marquee-test")


def test_old_versions_go_and_those_in_use_stay(account):
    functions, ecr = boto3.client("lambda"), boto3.client("ecr")
    role = boto3.client("iam").create_role(RoleName="r", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
    bundle = [
        functions.publish_layer_version(LayerName="marquee-test-bundle", Content={"ZipFile": b"%d" % n})
        for n in range(6)
    ]
    functions.create_function(
        FunctionName="marquee-test",
        Runtime="python3.13",
        Role=role,
        Handler="x.y",
        Code={"ZipFile": b"0"},
        Layers=[bundle[0]["LayerVersionArn"]],
    )
    for number in range(1, 7):
        functions.update_function_code(FunctionName="marquee-test", ZipFile=b"%d" % number, Publish=True)
    functions.create_alias(FunctionName="marquee-test", Name="live", FunctionVersion="1")
    ecr.create_repository(repositoryName="marquee-sagemaker-test")
    digests = []
    for number in range(24):
        image = {"repositoryName": "marquee-sagemaker-test", "imageTag": str(number)}
        kind = "application/vnd.docker.distribution.manifest.v2+json"
        manifest = json.dumps({"mediaType": kind, "config": {"digest": str(number)}, "layers": []})
        digests.append(ecr.put_image(**image, imageManifest=manifest)["image"]["imageId"]["imageDigest"])

    def left():
        versions = functions.list_versions_by_function(FunctionName="marquee-test")["Versions"]
        layers = functions.list_layer_versions(LayerName="marquee-test-bundle")["LayerVersions"]
        images = ecr.describe_images(repositoryName="marquee-sagemaker-test")["imageDetails"]
        return [
            {one["Version"] for one in versions},
            {one["Version"] for one in layers},
            {one["imageDigest"] for one in images},
        ]

    for _ in range(2):  # the second time there is nothing to do
        list(prune(account.record.session, "marquee-test", "marquee-sagemaker-test", [f"x@{digests[1]}"]))
        assert left() == [{"$LATEST", "1", "4", "5", "6"}, {1, 4, 5, 6}, {digests[1], *digests[4:]}]
