"""`python -m aws.deploy build|verify|plan|deploy|smoke|rollback|destroy`: docs/aws.md takes one through it."""

import sys
from collections.abc import Callable

from botocore.exceptions import BotoCoreError, ClientError

from aws.deploy import commands
from aws.deploy.options import Options, read_options
from marquee.errors import MarqueeError

# What each one touches and costs is said first.
COMMANDS: dict[str, tuple[Callable[[Options], int], str]] = {
    "build": (commands.build, "writes build/aws; needs no account and costs nothing"),
    "verify": (commands.verify, "opens what was built; needs no account and costs nothing"),
    "plan": (commands.plan, "uploads archives to the bucket (cents a month); changes nothing else"),
    "deploy": (commands.deploy, "with CONFIRM=yes: changes both stacks; what they cost is printed before"),
    "smoke": (commands.check, "asks the deployed API: a few requests, no changes, less than a cent"),
    "rollback": (commands.rollback, "with CONFIRM=yes: changes the app stack back; what it costs is printed before"),
    "destroy": (commands.destroy, "with CONFIRM=the stack's name: deletes the app stack; with PURGE=yes, all data"),
}


def main(arguments: list[str]) -> int:
    """Run a command; the exit code."""
    if len(arguments) != 1 or arguments[0] not in COMMANDS:
        print(f"usage: python -m aws.deploy {'|'.join(COMMANDS)}  (docs/aws.md)", file=sys.stderr)
        return 2
    command, touches = COMMANDS[arguments[0]]
    print(f"aws-{arguments[0]} {touches}.")
    try:
        return command(read_options())
    except MarqueeError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    except (BotoCoreError, ClientError) as error:
        print(f"error: {error}\n  fix: see the deployer's policy in docs/aws.md", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
