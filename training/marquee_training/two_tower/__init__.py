"""Training of the Two-Tower."""
