"""Forms of occupancy."""
