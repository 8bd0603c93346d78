"""The Lambda function's own code: events, log line, metrics. Everything else is the core, `marquee`."""
