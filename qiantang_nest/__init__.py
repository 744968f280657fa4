"""钱塘巢 Qiantang Nest: idle farmhouse rooms for the workers of Qiantang district."""
