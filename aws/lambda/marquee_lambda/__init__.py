"""The function's own code: events in, answers out, one log line, metrics. All else is the core, `marquee`."""
