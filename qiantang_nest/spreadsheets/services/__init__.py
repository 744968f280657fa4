"""Taking sheets in, and making the ones that hold personal data."""
