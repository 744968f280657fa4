"""Forms of ``housing``: types and ranges; what the database knows is the services' business."""
