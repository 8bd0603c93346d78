"""Plan, deploy, prove, roll back and destroy: `python -m aws.deploy COMMAND`, or `make aws-COMMAND`."""
