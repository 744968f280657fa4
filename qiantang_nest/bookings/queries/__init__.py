"""What bookings reads, by subject."""
