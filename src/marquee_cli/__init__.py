"""`marquee`: every step from ratings to recommendations, as one command each."""
