"""Households, houses, rooms, photographs, documents, inspections, the listing gate."""
