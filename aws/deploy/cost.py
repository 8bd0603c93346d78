"""What a deployment costs, in orders of magnitude: list prices of us-east-1, 2026, to be checked on AWS's own pages."""

from collections.abc import Mapping

HOURS = 730
PER_HOUR = {"ml.t3.medium": 0.05, "ml.c7i.large": 0.11, "ml.m5.large": 0.12, "ml.m5.xlarge": 0.27, "ml.c7g.large": 0.10}


def estimate(parameters: Mapping[str, str]) -> str:
    """A few lines for people.

    Args:
        parameters: Of the app stack; those left out have the template's defaults.
    """
    lines = ["Cost, roughly (list prices; check yours):"]
    if parameters.get("EndpointMode", "serverless") == "instance":
        kind = parameters.get("InstanceType", "ml.c7i.large")
        count = int(parameters.get("InstanceCount", "2"))
        price = PER_HOUR.get(kind)
        month = f"about ${count * price * HOURS:.0f} a month" if price else "see SageMaker's price list"
        lines.append(f"  endpoint: {count} x {kind}, {month}: billed day and night until `make aws-destroy`")
    else:
        lines.append(
            "  endpoint: serverless, nothing while idle; about $0.00006 per second of 3 GB in use; cold starts"
        )
    lines.append("  a million recommendations: API $1, function (1 GB, 60 ms) $1, logs and metrics a few dollars")
    lines.append("  idle: alarms $1 a month, bucket and images cents, 14 metrics about $4 while used")
    return "\n".join(lines)
