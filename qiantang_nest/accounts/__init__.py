"""People, how they sign in, their roles and areas, and the one permission page."""
