"""Signatures on a lease, and its document."""
