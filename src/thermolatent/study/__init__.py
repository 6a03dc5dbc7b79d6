"""A study: it composes the settings of the rooms, checks what they must agree on, and lays out its files."""
