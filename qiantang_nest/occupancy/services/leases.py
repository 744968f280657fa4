"""Leases: making them from claimed rooms, filing them."""
