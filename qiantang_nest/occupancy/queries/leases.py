"""Leases in an actor's scope."""
