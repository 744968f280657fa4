"""Append-only double entry; every row moves one sum from one account to another."""
