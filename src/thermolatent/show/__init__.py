"""What a result file holds, in plain words: shapes, units, temperatures, where it comes from. Reads, never changes."""

from thermolatent.show.dispatch import show

__all__ = ["show"]
