"""A stage in an AWS account: two stacks, a bucket, an image repository, and the record of tested deployments."""

import json
import os
import shlex
import subprocess
import tempfile
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import ClientError

from aws.smoke import smoke
from marquee.errors import MarqueeError

GOOD, PREVIOUS = "good", "previous"


@dataclass(frozen=True)
class Deployment:
    """The app stack's template (its key in the bucket) and parameters, and its bundle's version and some films."""

    template: str
    parameters: dict[str, str]
    version: str
    movie_ids: list[int]


class Account:
    """Stage in an AWS account: two stacks, a bucket, and the record of tested deployments."""

    def __init__(self) -> None:
        self.session = boto3.Session()
        if not self.session.region_name:
            raise MarqueeError("no region is set", fix="export AWS_DEFAULT_REGION=eu-central-1 (or yours)")
        self.region = self.session.region_name
        identity = self.session.client("sts").get_caller_identity()
        self.number, self.stage = identity["Account"], os.environ.get("STAGE") or "dev"
        self.app, self.bootstrap = f"marquee-{self.stage}", f"marquee-{self.stage}-bootstrap"
        # As the bootstrap stack names them.
        self.bucket = f"{self.app}-{self.number}-{self.region}"
        self.repository = f"marquee-sagemaker-{self.stage}"
        self.formation, self.s3, self.ecr = map(self.session.client, ("cloudformation", "s3", "ecr"))
        print(f"account {self.number}, region {self.region}, as {identity['Arn']}")

    def stack(self, name: str) -> tuple[dict[str, str], dict[str, str]]:
        """(parameters, outputs) of a stack; both empty where it isn't deployed."""
        found = self._describe(name)
        parameters = {one["ParameterKey"]: one["ParameterValue"] for one in found.get("Parameters", [])}
        return parameters, {one["OutputKey"]: one["OutputValue"] for one in found.get("Outputs", [])}

    def _describe(self, name: str) -> dict[str, Any]:
        """CloudFormation's description of a stack; empty where it isn't deployed."""
        try:
            found: dict[str, Any] = self.formation.describe_stacks(StackName=name)["Stacks"][0]
        except ClientError as error:
            if "does not exist" in str(error):
                return {}
            raise
        return {} if found["StackStatus"] in {"REVIEW_IN_PROGRESS", "DELETE_COMPLETE"} else found

    def tags(self, stack: str) -> dict[str, str]:
        """The tags in TAGS (`team=films cost=42`, or `default` for none), else those of the deployed stack."""
        given = os.environ.get("TAGS")
        if not given:
            return {one["Key"]: one["Value"] for one in self._describe(stack).get("Tags", [])}
        pairs = [word.partition("=") for word in shlex.split(given) if given != "default"]
        if wrong := [key for key, equals, _ in pairs if not key or not equals]:
            raise MarqueeError(f"TAGS has {wrong[0]!r}", fix="TAGS='team=films cost-centre=42'")
        return {key: value for key, _, value in pairs}

    def sam(self, command: str, stack: str, *options: str) -> None:
        """Run SAM's command line on a stack; raises a MarqueeError if it fails."""
        words = [os.environ.get("SAM") or "sam", command, "--stack-name", stack, "--region", self.region, *options]
        print("$", shlex.join(words), flush=True)
        try:
            done = subprocess.run(words, check=False, env={"SAM_CLI_TELEMETRY": "0", **os.environ})  # noqa: S603
        except FileNotFoundError:
            raise MarqueeError("SAM's command line is missing", fix="make aws-sam, or SAM=path of yours") from None
        if done.returncode:
            fix = f"see above; the endpoint's log is /aws/sagemaker/Endpoints/{self.app}"
            raise MarqueeError(f"sam {command} of {stack} failed", fix=fix)

    def sam_deploy(self, stack: str, template: str, parameters: Mapping[str, str], *, execute: bool) -> None:
        """Run `sam deploy`, or only show its change set. CloudFormation rolls back a failed deployment."""
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "template.yaml").write_text(template)
            (Path(folder) / "parameters.yaml").write_text(json.dumps(parameters))  # JSON is YAML
            options = ["--template-file", f"{folder}/template.yaml", "--capabilities", "CAPABILITY_IAM"]
            options += ["CAPABILITY_AUTO_EXPAND", "--parameter-overrides", f"file://{folder}/parameters.yaml"]
            options += ["--no-confirm-changeset", "--no-fail-on-empty-changeset"]
            if tags := self.tags(stack):  # SAM takes away those that it isn't given
                options += ["--tags", *(f"{json.dumps(key)}={json.dumps(value)}" for key, value in tags.items())]
            self.sam("deploy", stack, *options, *([] if execute else ["--no-execute-changeset"]))
        if not execute and not self.stack(stack)[0]:
            self.formation.delete_stack(StackName=stack)  # a first change set creates an empty stack

    def apply(self, wanted: Deployment, *, execute: bool = True) -> None:
        """Deploy the app stack, or only show its change set."""
        found = self.s3.get_object(Bucket=wanted.parameters["Bucket"], Key=wanted.template)
        template = found["Body"].read().decode()
        self.sam_deploy(self.app, template, wanted.parameters, execute=execute)

    def prove(self, deployed: Deployment) -> None:
        """Run the smoke test; raises a MarqueeError if it fails."""
        url = self.stack(self.app)[1].get("Url")
        if url is None:
            raise MarqueeError(f"stack {self.app} is not deployed", fix="make aws-deploy CONFIRM=yes")
        origin = deployed.parameters.get("CorsOrigins", "").partition(",")[0].strip()
        seconds = float(os.environ.get("SMOKE_SECONDS") or 300)
        print(smoke(url, deployed.movie_ids, deployed.version, origin=origin, seconds=seconds))

    def upload(self, bucket: str, key: str, body: bytes) -> None:
        """Upload an object, unless the bucket has it."""
        try:
            self.s3.head_object(Bucket=bucket, Key=key)
        except ClientError as error:
            if error.response["ResponseMetadata"]["HTTPStatusCode"] != 404:
                raise
            self.s3.put_object(Bucket=bucket, Key=key, Body=body)
            print(f"uploaded {key}")

    def recall(self, which: str) -> Deployment | None:
        """The deployment recorded as GOOD or PREVIOUS."""
        try:
            found = self.s3.get_object(Bucket=self.bucket, Key=f"records/{which}.json")["Body"].read()
        except (self.s3.exceptions.NoSuchKey, self.s3.exceptions.NoSuchBucket):
            return None
        return Deployment(**json.loads(found))

    def remember(self, proven: Deployment) -> None:
        """Record a deployment as GOOD, and a different one before it as PREVIOUS."""
        before = self.recall(GOOD)
        for which, one in ((PREVIOUS, before), (GOOD, proven)):
            if one is not None and before != proven:
                record = json.dumps(asdict(one)).encode()
                self.s3.put_object(Bucket=self.bucket, Key=f"records/{which}.json", Body=record)

    def is_left(self) -> bool:
        """Whether bucket or repository exist without the bootstrap stack, which retains them when it is deleted."""
        if self._describe(self.bootstrap):
            return False
        try:
            self.s3.head_bucket(Bucket=self.bucket)
        except ClientError as error:
            if error.response["ResponseMetadata"]["HTTPStatusCode"] != 404:
                raise
        else:
            return True
        try:
            self.ecr.describe_repositories(repositoryNames=[self.repository])
        except self.ecr.exceptions.RepositoryNotFoundException:
            return False
        return True

    def adopt(self, template: str, *, execute: bool) -> None:
        """Make the bootstrap stack with the bucket and repository that are left of an earlier one. SAM can't."""
        names = {"StackName": self.bootstrap, "ChangeSetName": f"adopt-{int(time.time())}"}
        tags = [{"Key": key, "Value": value} for key, value in self.tags(self.bootstrap).items()]
        self.formation.create_change_set(
            **names,
            ChangeSetType="CREATE",
            ImportExistingResources=True,
            TemplateBody=template,
            Parameters=[{"ParameterKey": "Stage", "ParameterValue": self.stage}],
            Tags=tags,
        )
        self.formation.get_waiter("change_set_create_complete").wait(**names, WaiterConfig={"Delay": 2})
        for change in self.formation.describe_change_set(**names)["Changes"]:
            one = change["ResourceChange"]
            print(f"{one['Action']} {one['LogicalResourceId']} ({one['ResourceType']})")
        if not execute:
            self.formation.delete_stack(StackName=self.bootstrap)  # a change set alone: it keeps what is there
            return
        self.formation.execute_change_set(**names)
        while (status := self._describe(self.bootstrap)["StackStatus"]).endswith("_IN_PROGRESS"):
            time.sleep(2)
        if status not in {"CREATE_COMPLETE", "IMPORT_COMPLETE"}:
            raise MarqueeError(f"stack {self.bootstrap} is {status}", fix="see its events in CloudFormation")
