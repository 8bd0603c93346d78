"""Several tastes in one answer: of several people, or of one."""
