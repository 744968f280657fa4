"""Reads for the figures and the home pages."""
