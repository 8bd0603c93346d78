"""Conversion of the older project's pickled artifacts."""
