"""The deployer's policies: what CloudFormation does for each resource is allowed, by the names that it really gives."""

import fnmatch
import json
import subprocess
import sys
from pathlib import Path
from string import Template

import pytest
from cfnlint.schema import PROVIDER_SCHEMA_MANAGER

from aws.deploy import POLICIES

from .test_templates import expanded

VALUES = {"Partition": "aws", "Region": "us-east-1", "Account": "123456789012", "Stage": "test"}
TEXTS = {path.stem: Template(path.read_text()).substitute(VALUES) for path in POLICIES.glob("*.json")}
STATEMENTS = [one for text in TEXTS.values() for one in json.loads(text)["Statement"]]
BUCKET = "arn:aws:s3:::marquee-test-123456789012-us-east-1"
# Resources by type: what CloudFormation calls them; "*": no name is known, or the action takes none. A name without the
# stack's is SageMaker's, https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-resource-sagemaker-model.html
HERE = "us-east-1:123456789012"
CODEDEPLOY = f"arn:aws:codedeploy:{HERE}"
SHIFTED = "marquee-test-ServerlessDeploymentApplication-1ABC"
NAMES = {
    "AWS::S3::Bucket": [BUCKET],
    "AWS::S3::BucketPolicy": [BUCKET],
    "AWS::ECR::Repository": [f"arn:aws:ecr:{HERE}:repository/marquee-sagemaker-test"],
    "AWS::IAM::Role": ["arn:aws:iam::123456789012:role/marquee-test-ModelRole-1ABC"],
    "AWS::SageMaker::Model": [f"arn:aws:sagemaker:{HERE}:model/{name}-1abc" for name in ("Model", "model")],
    "AWS::SageMaker::EndpointConfig": [f"arn:aws:sagemaker:{HERE}:endpoint-config/EndpointConfig-1abc"],
    "AWS::SageMaker::Endpoint": [f"arn:aws:sagemaker:{HERE}:endpoint/marquee-test"],
    "AWS::Lambda::Function": [f"arn:aws:lambda:{HERE}:function:marquee-test"],
    "AWS::Lambda::Version": [f"arn:aws:lambda:{HERE}:function:marquee-test:7"],
    "AWS::Lambda::Alias": [f"arn:aws:lambda:{HERE}:function:marquee-test:live"],
    "AWS::Lambda::Permission": [f"arn:aws:lambda:{HERE}:function:marquee-test:live"],
    "AWS::Lambda::LayerVersion": [f"arn:aws:lambda:{HERE}:layer:marquee-test-bundle"],
    "AWS::CodeDeploy::Application": [f"{CODEDEPLOY}:application:{SHIFTED}"],
    "AWS::CodeDeploy::DeploymentGroup": [
        f"{CODEDEPLOY}:deploymentgroup:{SHIFTED}/marquee-test-FunctionDeploymentGroup-1ABC"
    ],
    "AWS::Logs::LogGroup": [
        f"arn:aws:logs:{HERE}:log-group:{name}{end}"
        for name in ("/aws/lambda/marquee-test", "/aws/vendedlogs/apigateway/marquee-test")
        for end in ("", ":*")
    ],
    "AWS::ApiGatewayV2::Api": ["arn:aws:apigateway:us-east-1::/apis/a1b2"],
    "AWS::ApiGatewayV2::Stage": ["arn:aws:apigateway:us-east-1::/apis/a1b2/stages/$default"],
    "AWS::CloudWatch::Alarm": [f"arn:aws:cloudwatch:{HERE}:alarm:marquee-test-api-5xx"],
    "AWS::CloudWatch::Dashboard": ["arn:aws:cloudwatch::123456789012:dashboard/marquee-test"],
    "AWS::SNS::Topic": [f"arn:aws:sns:{HERE}:marquee-test-alarms"],
    "AWS::SNS::Subscription": [f"arn:aws:sns:{HERE}:marquee-test-alarms:0a1b"],
    "AWS::ApplicationAutoScaling::ScalableTarget": [f"arn:aws:application-autoscaling:{HERE}:scalable-target/1a2b"],
    "AWS::ApplicationAutoScaling::ScalingPolicy": [f"arn:aws:application-autoscaling:{HERE}:scalable-target/1a2b"],
}
# What a handler can do and these resources have no use for.
UNUSED = """
    iam:PassRole iam:CreateServiceLinkedRole iam:AttachRolePolicy iam:DetachRolePolicy iam:UpdateRoleDescription
    ec2:* kms:* elasticfilesystem:* s3files:* s3tables:* firehose:* s3:REST.PUT.OBJECT s3:getObject s3:GetObject
    s3:GetObjectVersion s3:Put*Replication* s3:*BucketReplication* s3:*Website* s3:PutBucketCORS s3:*BucketCors
    s3:Put*Logging s3:PutBucketAcl s3:*MetadataTable* s3:*Metadata*Configuration s3:*ObjectLock* s3:PutInventory*
    s3:PutAnalytics* s3:PutMetrics* s3:*Bucket*MetricsConfiguration s3:*BucketAnalyticsConfiguration
    s3:PutAccelerate* s3:PutIntelligentTiering* s3:*Abac s3:PutBucketNotification s3:PutObjectAcl
    s3:DeleteBucketEncryption s3:DeleteBucketLifecycle s3:DeleteObject logs:*DataProtectionPolicy logs:*IndexPolic*
    logs:*KmsKey logs:PutBearerTokenAuthentication logs:DeleteResourcePolicy logs:PutLogGroupDeletionProtection
    lambda:*CodeSigningConfig lambda:PassCapacityProvider lambda:AssociateRuntimeAlias sns:*DataProtectionPolicy
    ecr:PutLifecyclePolicy ecr:DeleteRepositoryPolicy codedeploy:RegisterOnPremisesInstance
    lambda:PutFunctionScalingConfig application-autoscaling:*ScheduledAction apigateway:TagResource
    apigateway:UntagResource
""".split()  # fmt: skip


def listed(value):
    return value if isinstance(value, list) else [value]


def allowed(action, resource):
    return any(
        any(fnmatch.fnmatchcase(action.lower(), one.lower()) for one in listed(statement["Action"]))
        and any(fnmatch.fnmatchcase(resource, one) for one in listed(statement["Resource"]))
        for statement in STATEMENTS
    )


@pytest.fixture(autouse=True)
def _region(monkeypatch):
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")


@pytest.mark.parametrize("name", ["app.yaml", "bootstrap.yaml"])
def test_cloudformation_may_do_what_each_resource_needs(name):
    kinds = {one["Type"] for one in expanded(name)["Resources"].values()}
    assert kinds <= set(NAMES)
    missing = set()
    for kind in kinds:
        handlers = PROVIDER_SCHEMA_MANAGER.get_resource_schema("us-east-1", kind).schema["handlers"]
        wanted = {
            one
            for what in ("create", "read", "update", "delete")
            for one in handlers.get(what, {}).get("permissions", [])
        }
        used = {one for one in wanted if not any(fnmatch.fnmatchcase(one, pattern) for pattern in UNUSED)}
        missing |= {
            (action, arn) for action in used for arn in NAMES[kind] if not allowed(action, arn_for(action, arn))
        }
    assert not missing, "\n".join(map(str, sorted(missing)))


def arn_for(action, arn):
    """The resource of an action of another service than the resource's own."""
    if action == "lambda:GetLayerVersion":
        return NAMES["AWS::Lambda::LayerVersion"][0]
    service = action.partition(":")[0]
    others = {"codedeploy": NAMES["AWS::CodeDeploy::Application"][0], "cloudwatch": NAMES["AWS::CloudWatch::Alarm"][0]}
    others |= {"iam": NAMES["AWS::IAM::Role"][0], "lambda": NAMES["AWS::Lambda::Alias"][0], "logs": "*"}
    return arn if arn.split(":")[2] == service else others[service]


@pytest.mark.parametrize(
    ("action", "resource"),
    [
        ("sagemaker:DeleteModel", f"arn:aws:sagemaker:{HERE}:model/somebody-elses"),
        ("sagemaker:DeleteEndpoint", f"arn:aws:sagemaker:{HERE}:endpoint/marquee-prod"),
        ("lambda:UpdateFunctionCode", f"arn:aws:lambda:{HERE}:function:marquee-test2"),
        ("logs:DeleteLogGroup", f"arn:aws:logs:{HERE}:log-group:/aws/lambda/marquee-test2"),
        ("iam:PutRolePolicy", "arn:aws:iam::123456789012:role/admin"),
        ("iam:AttachRolePolicy", "arn:aws:iam::123456789012:role/marquee-test-ModelRole-1ABC"),
        ("s3:GetObject", "arn:aws:s3:::another/models/x"),
        ("cloudformation:DeleteStack", f"arn:aws:cloudformation:{HERE}:stack/marquee-prod/1"),
    ],
)
def test_nothing_else_may_be_touched(action, resource):
    assert not allowed(action, resource)


def test_roles_go_to_the_three_services_alone():
    (one,) = [statement for statement in STATEMENTS if statement["Action"] == "iam:PassRole"]
    assert one["Condition"] == {
        "StringLike": {"iam:PassedToService": ["sagemaker.amazonaws.com", "lambda.amazonaws.com", "codedeploy.*"]}
    }


def test_each_fits_into_a_managed_policy():
    """6,144 characters without spaces, https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html."""
    longest = {"Partition": "aws-us-gov", "Region": "ap-southeast-2", "Account": "1" * 12, "Stage": "x" * 12}
    for path in POLICIES.glob("*.json"):
        text = Template(path.read_text()).substitute(longest)
        assert len(json.dumps(json.loads(text), separators=(",", ":"))) < 6144


def test_parliament_finds_nothing():
    # Actions that know no resource have a statement of their own, with a star. Transforms belong to the account `aws`.
    code = (
        "import sys, parliament; found = [one for text in sys.argv[1:] for one in"
        " parliament.analyze_policy_string(text, ignore_private_auditors=True).findings"
        " if one.issue != 'RESOURCE_STAR' and 'aws:transform' not in str(one)];"
        "print(*found, sep='\\n', end='')"
    )
    python = Path(sys.executable)
    done = subprocess.run([python, "-c", code, *TEXTS.values()], check=True, capture_output=True, text=True)
    assert done.stdout == ""
