"""The bundle: immutable versions of the models, one pointer to the current one, and the ways to move it."""
