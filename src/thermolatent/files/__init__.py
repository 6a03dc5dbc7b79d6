"""Reading and writing: atomic, no pickle, a format version in each file."""
