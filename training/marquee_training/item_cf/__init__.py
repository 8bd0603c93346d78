"""Fitting of the item-item views."""
