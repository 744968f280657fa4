"""Pages of leases: the list, one lease, its document, its filing."""
