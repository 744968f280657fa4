"""Reports to the police of arrivals and departures."""
