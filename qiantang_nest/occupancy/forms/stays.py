"""Forms of stays, rosters, registrations and room closing."""
