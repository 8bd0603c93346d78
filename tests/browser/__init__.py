"""A package, so that one browser and one server last for all of its tests."""
