"""SPIB: what the models are functions of. Training temperatures only."""
