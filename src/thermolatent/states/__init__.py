"""The study's fixed plane, its named states, and hard states of frames in general."""
