"""Progress of a study from its results and logs: also during a run, and on a cluster's file system.

Imports neither torch nor OpenMM, takes no lock, changes nothing.
"""
