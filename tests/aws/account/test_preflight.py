"""What is found out before anything is changed; answers that moto doesn't have come from botocore's own stubber."""

from dataclasses import replace

import pytest
from botocore.stub import Stubber

from aws.deploy.account import Account, connect, outputs, preflight, stack
from aws.deploy.artifacts import Artifact
from aws.deploy.options import Options
from aws.deploy.stacks import change_set, execute
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
    assert "in another registry" in refused(replace(options, image="public.ecr.aws/x/y@sha256:" + "0" * 64), built)
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


def test_a_stack_that_failed_at_first(there):
    built, options = there
    body = "Resources: {Topic: {Type: AWS::SNS::Topic}}"
    execute(connect(), change_set(connect(), "marquee-test", {}, body=body))
    account = answering({"cloudformation": ("describe_stacks", [described("ROLLBACK_COMPLETE")])})
    assert "is ROLLBACK_COMPLETE" in refused(options, built, account)
    account = answering({"cloudformation": ("describe_stacks", [described("UPDATE_IN_PROGRESS")])})
    assert "is UPDATE_IN_PROGRESS" in refused(options, built, account)


def described(status):
    one = {"StackName": "marquee-test", "StackStatus": status, "CreationTime": "2026-01-01T00:00:00Z"}
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


def test_the_bootstrap_stacks_outputs(there):
    found = outputs(stack(connect(), "marquee-test-bootstrap"))
    assert found["Bucket"] == "marquee-test-123456789012-us-east-1"
    assert found["Repository"] == "123456789012.dkr.ecr.us-east-1.amazonaws.com/marquee-sagemaker-test"


def test_no_region_and_no_credentials(account, monkeypatch):
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    with pytest.raises(MarqueeError, match="no region is set"):
        connect()
