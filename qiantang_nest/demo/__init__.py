"""A believable, invented district: the same seed and date build the same one.

Every person, firm, sum and village position is made up. Rows are bulk-loaded under the same constraints as
any other, and bills come from the bill run itself.
"""
