"""Pages of stays: rosters, beds, moving in and out."""
