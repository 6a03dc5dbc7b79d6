"""SPIB, the representation of the models; trained at the training temperatures only."""
