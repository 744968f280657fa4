"""What occupancy changes, by use case."""
