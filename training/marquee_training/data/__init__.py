"""Ratings in: MovieLens' three shapes, where they come from, and a synthetic stand-in. Needs pandas."""
