"""Bills, payments, receipts; every fen explained."""
