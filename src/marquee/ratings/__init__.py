"""A person's ratings: exports of other services, the films that their rows are about, and what they say of a taste."""

from marquee.ratings.exports import Export, read_export
from marquee.ratings.resolver import Resolver

__all__ = ["Export", "Resolver", "read_export"]
