"""Marquee: a two-stage film recommender. The core that every runtime calls; it knows no transport."""

__version__ = "0.1.0"
