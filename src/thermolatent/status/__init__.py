"""How far a study has come, from its results and logs alone: works beside a running workflow and on a cluster's file system.

Imports neither torch nor OpenMM, takes no lock, changes nothing.
"""
