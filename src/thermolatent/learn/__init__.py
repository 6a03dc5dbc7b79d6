"""Training of density models on a representation."""
