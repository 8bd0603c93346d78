"""Builds what AWS is given: model.tar.gz, the function's zip and its layers. The same input gives the same bytes."""
