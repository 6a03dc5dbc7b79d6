"""Learning: the representation (SPIB), the reweighting network, and density models on top of them."""
