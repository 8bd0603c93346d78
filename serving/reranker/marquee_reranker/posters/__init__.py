"""Posters of films, from TMDB."""
