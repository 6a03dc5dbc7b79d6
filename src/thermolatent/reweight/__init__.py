"""Conditional reweighting: predictions with error bars at any temperature, from MD at a few temperatures."""
