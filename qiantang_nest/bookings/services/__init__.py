"""What bookings changes, by use case."""
