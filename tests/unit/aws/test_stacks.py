"""What CloudFormation says, put for people."""

from aws.deploy.stacks import ChangeSet, first_failure

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
