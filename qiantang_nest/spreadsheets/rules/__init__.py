"""Reading sheets: cells to values, rows to records. Pure."""
