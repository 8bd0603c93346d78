"""The ways in from outside: the retrieval servers and the public API."""
