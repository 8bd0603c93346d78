"""What is found out before anything is changed; answers that moto doesn't have come from botocore's own stubber."""

from dataclasses import replace

import pytest
from botocore.stub import Stubber

from aws.deploy import commands
from aws.deploy.account import Account, check_change, connect, outputs, preflight, stack
from aws.deploy.artifacts import Artifact
from aws.deploy.memory import Deployment
from aws.deploy.options import Options
from aws.deploy.stacks import change_set, discard
from marquee.errors import MarqueeError

INSTANCES = {"EndpointMode": "instance"}


@pytest.fixture
def there(account, monkeypatch):
    """The bootstrap stack with an image: (artifacts, options that pass)."""
    monkeypatch.setenv("CONFIRM", "yes")
    account.run("deploy")
    return account.build(1), Options("test", account.push())


def refused(options, built, account=None):
    with pytest.raises(MarqueeError) as caught:
        preflight(account or connect(), options, built)
    assert caught.value.fix
    return caught.value.message


def test_what_passes(there):
    built, options = there
    (note,) = preflight(connect(), options, built)
    assert note.startswith("image marquee-sagemaker-test@sha256:")


def test_images(there):
    built, options = there
    repository = options.image.partition("@")[0]
    assert "IMAGE is not set" in refused(Options("test"), built)
    elsewhere = f"registry.example.com/x/y@sha256:{'0' * 64}"
    assert "in another registry" in refused(replace(options, image=elsewhere), built)
    assert "no image" in refused(replace(options, image=f"{repository}@sha256:{'0' * 64}"), built)


def test_a_model_that_is_too_large_for_the_memory(there):
    built, options = there
    built = replace(built, files={**built.files, "model": Artifact("model", "0", 1, 2 * 1024**3)})
    assert "too large for ServerlessMemory" in refused(options, built)
    large = replace(options, parameters={"ServerlessMemory": "6144"})
    assert preflight(connect(), large, built)


def test_an_endpoint_changes_no_mode(there, account):
    built, options = there
    account.run("deploy")
    assert "is serverless and SageMaker can't make it instance" in refused(
        replace(options, parameters=INSTANCES), built
    )


@pytest.mark.parametrize(
    ("status", "fix"),
    [
        ("ROLLBACK_COMPLETE", "make aws-destroy CONFIRM=marquee-test"),
        ("ROLLBACK_FAILED", "make aws-destroy CONFIRM=marquee-test"),
        ("DELETE_FAILED", "then make aws-destroy CONFIRM=marquee-test"),
        ("UPDATE_ROLLBACK_FAILED", "continue-update-rollback --stack-name marquee-test"),
        ("UPDATE_IN_PROGRESS", "wait until it ends"),
        ("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", "wait until it ends"),
    ],
)
def test_states_that_nothing_can_be_deployed_in(account, monkeypatch, capsys, status, fix):
    found = described(status)["Stacks"][0]
    with pytest.raises(MarqueeError) as caught:
        check_change(found, Options("test"), {})
    assert status in caught.value.message
    assert fix in caught.value.fix
    with pytest.raises(MarqueeError, match=status):
        preflight(answering({"cloudformation": ("describe_stacks", [described(status)])}), Options("test"), None)


@pytest.mark.parametrize("status", ["REVIEW_IN_PROGRESS", "UPDATE_ROLLBACK_COMPLETE", "CREATE_COMPLETE"])
def test_states_that_lock_nobody_out(status):
    check_change(described(status)["Stacks"][0], Options("test"), {})


def test_the_state_counts_for_going_back_too(account, monkeypatch, capsys):
    monkeypatch.setattr(commands, "recall", lambda *_: Deployment("", {"ImageUri": "x"}, "v", [1]))
    monkeypatch.setattr(commands, "stack", lambda *_: described("UPDATE_ROLLBACK_FAILED")["Stacks"][0])
    assert account.run("rollback") == 1
    assert "continue-update-rollback" in capsys.readouterr().err


def described(status, **parameters):
    one = {"StackName": "marquee-test", "StackStatus": status, "CreationTime": "2026-01-01T00:00:00Z"}
    one["Parameters"] = [{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()]
    return {"Stacks": [one]}


class Answering(Account):
    """An account some of whose services answer as told."""

    def client(self, service):
        found = super().client(service)
        if service in self.told:
            operation, answers = self.told[service]
            stubber = Stubber(found)
            for answer in answers:
                stubber.add_response(operation, answer)
            stubber.activate()
        return found


def answering(told):
    real = connect()
    made = Answering(real.number, real.region, real.arn, real.session)
    object.__setattr__(made, "told", told)
    return made


@pytest.mark.parametrize(
    ("value", "complaint"), [(0.0, "endpoint usage is 0, and 2 are"), (1.0, "is 1, and 2 are"), (4.0, None)]
)
def test_quotas_of_instances(there, value, complaint):
    built, options = there
    quota = {"QuotaName": "ml.c7i.large for endpoint usage", "Value": value}
    account = answering({"service-quotas": ("list_service_quotas", [{"Quotas": [quota]}])})
    wanted = replace(options, parameters=INSTANCES)
    if complaint:
        assert complaint in refused(wanted, built, account)
    else:
        assert "quota of ml.c7i.large for endpoint usage: 4.0" in preflight(account, wanted, built)


def test_reserved_concurrency(there):
    built, options = there
    limits = {"AccountLimit": {"UnreservedConcurrentExecutions": 110}}
    account = answering({"lambda": ("get_account_settings", [limits, limits])})
    assert "can't reserve 20" in refused(replace(options, parameters={"ReservedConcurrency": "20"}), built, account)
    assert preflight(account, replace(options, parameters={"ReservedConcurrency": "10"}), built)


def test_what_is_reserved_already_can_stay(there):
    built, options = there
    limits = {"AccountLimit": {"UnreservedConcurrentExecutions": 100}}
    told = {
        "lambda": ("get_account_settings", [limits]),
        "cloudformation": ("describe_stacks", [described("UPDATE_COMPLETE", ReservedConcurrency="20")]),
    }
    assert preflight(answering(told), replace(options, parameters={"ReservedConcurrency": "20"}), built)
    more = replace(options, parameters={"ReservedConcurrency": "21"})
    assert "can't reserve 21" in refused(more, built, answering(told))


def test_instances_that_are_there_keep_their_type():
    found = described("UPDATE_COMPLETE", EndpointMode="instance", InstanceType="ml.m5.large")["Stacks"][0]
    check_change(found, Options("test"), {**INSTANCES, "InstanceType": "ml.m5.large"})
    with pytest.raises(MarqueeError, match=r"ml.m5.large, and SageMaker can't make them ml.c7i.large") as caught:
        check_change(found, Options("test"), INSTANCES)
    assert "another STAGE" in caught.value.fix


@pytest.mark.parametrize(("value", "passes"), [(3.0, False), (4.0, True)])
def test_an_update_needs_room_for_two_fleets(there, value, passes):
    built, options = there
    quota = {"QuotaName": "ml.c7i.large for endpoint usage", "Value": value}
    told = {
        "service-quotas": ("list_service_quotas", [{"Quotas": [quota]}]),
        "cloudformation": ("describe_stacks", [described("UPDATE_COMPLETE", **INSTANCES)]),
    }
    wanted = replace(options, parameters=INSTANCES)
    if passes:
        assert "scaled out to 4, a deployment needs a quota of 8" in preflight(answering(told), wanted, built)
    else:
        assert "is 3, and 4 are wanted" in refused(wanted, built, answering(told))


def test_more_instances_than_the_maximum(there):
    built, options = there
    many = {**INSTANCES, "InstanceCount": "6"}
    assert "InstanceMaximum is 4" in refused(replace(options, parameters=many), built)


@pytest.mark.parametrize("kind", ["vnd.oci.image.index.v1+json", "vnd.oci.image.manifest.v1+json"])
def test_manifests_that_sagemaker_refuses(there, kind):
    built, options = there
    image = {"imageDetails": [{"imageManifestMediaType": f"application/{kind}"}]}
    with pytest.raises(MarqueeError, match="SageMaker takes Docker's alone") as caught:
        preflight(answering({"ecr": ("describe_images", [image])}), options, built)
    assert "Pushing the image" in caught.value.fix


def test_a_plan_that_is_interrupted_leaves_nothing(account, monkeypatch):
    body = "Resources: {Topic: {Type: AWS::SNS::Topic}}"

    def interrupted(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("aws.deploy.stacks._has_changes", interrupted)
        with pytest.raises(KeyboardInterrupt):
            change_set(connect(), "marquee-test", {}, body=body)
    assert stack(connect(), "marquee-test") is None
    planned = change_set(connect(), "marquee-test", {}, body=body)
    assert stack(connect(), "marquee-test")["StackStatus"] == "REVIEW_IN_PROGRESS"
    discard(connect(), planned)
    assert stack(connect(), "marquee-test") is None


def test_the_bootstrap_stacks_outputs(there):
    found = outputs(stack(connect(), "marquee-test-bootstrap"))
    assert found["Bucket"] == "marquee-test-123456789012-us-east-1"
    assert found["Repository"] == "123456789012.dkr.ecr.us-east-1.amazonaws.com/marquee-sagemaker-test"


def test_no_region_and_no_credentials(account, monkeypatch):
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    with pytest.raises(MarqueeError, match="no region is set"):
        connect()
