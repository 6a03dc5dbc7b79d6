"""Starting the workflow from any folder: its location, its output on the screen, and its results at the end."""
