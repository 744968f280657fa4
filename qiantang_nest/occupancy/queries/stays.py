"""Stays, beds and registrations in an actor's scope."""
