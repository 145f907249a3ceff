"""Writes of 揭榜挂帅, by noun."""
