"""What the models see of a frame. One file per family; ``kinds.py`` lists them."""
