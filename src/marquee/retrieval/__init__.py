"""The first stage: candidates, in process or from a server."""
