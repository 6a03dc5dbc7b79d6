"""What other programs take from a study: frame weights, structures by weight, the learned variable."""
