"""Claims: taking rooms, letting them, freeing them."""
