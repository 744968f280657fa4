"""How fast the product is, as ratios against the same question asked with bare SQL: ``make bench``."""
