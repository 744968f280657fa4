"""Which rooms are free."""
