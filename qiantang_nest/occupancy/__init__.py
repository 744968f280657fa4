"""Room claims, leases, stays and the registrations that arrivals and departures make due."""
