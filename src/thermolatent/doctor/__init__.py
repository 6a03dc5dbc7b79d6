"""Is this machine ready: software, OpenMM's platforms, GPU, speed, disk, cluster. Each problem comes with its remedy."""
