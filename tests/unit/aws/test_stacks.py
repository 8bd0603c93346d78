"""What CloudFormation says, put for people."""

import pytest
from botocore.exceptions import WaiterError

from aws.deploy.stacks import ChangeSet, _has_changes, execute, first_failure, remove
from marquee.errors import MarqueeError

STACK = "arn:aws:cloudformation:us-east-1:123456789012:stack/marquee-dev/1"


def event(name, status, why="", physical="x"):
    return {
        "StackId": STACK,
        "LogicalResourceId": name,
        "PhysicalResourceId": physical,
        "ResourceStatus": status,
        "ResourceStatusReason": why,
    }


def own(status):
    return event("marquee-dev", status, physical=STACK)


LATEST_FIRST = [
    own("UPDATE_ROLLBACK_COMPLETE"),
    own("UPDATE_ROLLBACK_IN_PROGRESS"),
    event("Function", "UPDATE_FAILED", "Resource update cancelled"),
    event("Dashboard", "UPDATE_FAILED", "a later one"),
    event("Endpoint", "UPDATE_FAILED", "did not pass the ping health check"),
    event("Endpoint", "UPDATE_IN_PROGRESS"),
    own("UPDATE_IN_PROGRESS"),
    event("Api", "CREATE_FAILED", "of last year"),
    own("CREATE_IN_PROGRESS"),
]


def test_the_cause_is_the_latest_operations_first_failure():
    assert first_failure(LATEST_FIRST) == "Endpoint: did not pass the ping health check"
    assert first_failure(LATEST_FIRST[-2:]) == "Api: of last year"
    assert first_failure([own("UPDATE_IN_PROGRESS")]) == "no event says why"


def change(action, name, replacement="False"):
    return {"Action": action, "ResourceType": "AWS::X::Y", "LogicalResourceId": name, "Replacement": replacement}


def test_what_is_replaced_stands_out():
    changes = [change("Modify", "Model", "True"), change("Modify", "Function"), change("Add", "Alarm")]
    rows = [row.split() for row in ChangeSet("s", "id", changes).table().splitlines()]
    assert [(row[0], row[2]) for row in rows] == [("REPLACE", "Model"), ("add", "Alarm"), ("modify", "Function")]
    assert "only its outputs" in ChangeSet("s", "id", []).table()
    assert "as wanted already" in ChangeSet("s", None, []).table()


class Formation:
    """CloudFormation whose waiters always end without success."""

    def __init__(self, answer):
        self._answer = answer

    def get_waiter(self, name):
        return self

    def wait(self, **_):
        raise WaiterError("StackUpdateComplete", "Max attempts exceeded", self._answer)

    def get_paginator(self, name):
        return self

    def paginate(self, **_):
        return [{"StackEvents": LATEST_FIRST}]

    def describe_stacks(self, **_):
        return {"Stacks": [{"StackStatus": "UPDATE_COMPLETE"}]}

    def execute_change_set(self, **_):
        pass

    delete_stack = execute_change_set


class Account:
    def __init__(self, status):
        self._formation = Formation({"Stacks": [{"StackStatus": status}]})

    def client(self, _):
        return self._formation


@pytest.mark.parametrize(
    ("status", "told"),
    [
        ("UPDATE_IN_PROGRESS", "is still UPDATE_IN_PROGRESS after 60 minutes"),
        ("UPDATE_ROLLBACK_IN_PROGRESS", "is still UPDATE_ROLLBACK_IN_PROGRESS"),
        ("UPDATE_ROLLBACK_COMPLETE", "failed and was rolled back: Endpoint: did not pass"),
        ("UPDATE_ROLLBACK_FAILED", "failed, and is UPDATE_ROLLBACK_FAILED now: Endpoint: did not pass"),
    ],
)
def test_a_stack_that_takes_too_long_has_not_failed(status, told):
    with pytest.raises(MarqueeError) as caught:
        execute(Account(status), ChangeSet("marquee-dev", "id", []))
    assert told in caught.value.message


def test_a_removal_that_takes_too_long_has_not_failed():
    with pytest.raises(MarqueeError, match="is still DELETE_IN_PROGRESS after 30 minutes"):
        remove(Account("DELETE_IN_PROGRESS"), "marquee-dev")
    with pytest.raises(MarqueeError, match="is not gone: Endpoint"):
        remove(Account("DELETE_FAILED"), "marquee-dev")


def test_a_change_set_that_takes_too_long_is_not_refused():
    with pytest.raises(MarqueeError, match="is still CREATE_IN_PROGRESS after 3 minutes"):
        _has_changes(Formation({"Status": "CREATE_IN_PROGRESS"}), ChangeSet("marquee-dev", "id", []))
