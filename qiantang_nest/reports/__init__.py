"""Read-only figures: occupancy per village, street and district."""
