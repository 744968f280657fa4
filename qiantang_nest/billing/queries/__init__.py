"""Reads of ``billing``, one module a subject."""
