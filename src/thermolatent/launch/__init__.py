"""Starting the workflow from any folder: where it lies, what is seen of it while it runs, what it found in the end."""
