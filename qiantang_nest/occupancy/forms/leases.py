"""Forms of leases."""
