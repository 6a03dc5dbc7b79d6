"""Molecular dynamics with OpenMM: many walkers of one system in one Context, resumable, one trajectory per walker."""
