"""How well descent is found in weights: models whose descent is known, and what tests say of them."""
