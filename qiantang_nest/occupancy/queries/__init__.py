"""What occupancy reads, by subject."""
