"""A study: its sections, checks across them, and the layout of its files."""
