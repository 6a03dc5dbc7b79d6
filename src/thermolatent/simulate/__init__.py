"""Molecular dynamics with OpenMM: many walkers of one system in one Context, resumable, one trajectory per walker."""

#: Raise it when a change of code makes finished MD wrong: the workflow then repeats it. It repeats MD for no other edit.
PROTOCOL = 1
