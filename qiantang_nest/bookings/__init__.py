"""Search, hold, answers of the owners, booking, signing."""
