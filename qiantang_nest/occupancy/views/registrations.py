"""Pages of the reports to the police."""
