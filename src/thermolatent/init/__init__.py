"""Writes a study file from a structure, a sequence, a model system's name or trajectories, and temperatures."""
