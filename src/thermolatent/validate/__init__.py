"""Predictions against reference MD: divergences, states, free energies, kinetics, each beside the same baselines."""
