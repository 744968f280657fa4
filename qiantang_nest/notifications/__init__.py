"""What leaves the system (outbox) and what a person finds in the message centre."""
