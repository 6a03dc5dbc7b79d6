"""Checks of the machine: software, OpenMM's platforms, GPU, speed, disk, cluster, each problem with a remedy."""
