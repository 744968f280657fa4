"""Stays: who sleeps in which bed, from when to when."""
