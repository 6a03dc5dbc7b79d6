"""Features of frames, the input of the models. One file per family; ``kinds.py`` lists them."""
