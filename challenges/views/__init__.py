"""Pages of 揭榜挂帅."""
