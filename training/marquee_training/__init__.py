"""Ratings -> a published bundle: the same code for `marquee train`, the container and the Kubernetes Job."""
