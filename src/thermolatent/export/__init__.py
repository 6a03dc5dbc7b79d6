"""Exports for other programs: frame weights, structures by weight, the learned variable."""
