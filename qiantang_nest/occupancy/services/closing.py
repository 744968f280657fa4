"""Closing and opening rooms by their owner."""
