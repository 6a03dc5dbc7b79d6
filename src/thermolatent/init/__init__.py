"""A study file from little: a structure, a sequence, a model system's name or trajectories, and temperatures."""
