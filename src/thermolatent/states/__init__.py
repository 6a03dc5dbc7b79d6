"""Named states in the fixed plane, and hard states of frames."""
