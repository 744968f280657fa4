"""Streets, villages, distances and coordinate systems."""
