"""What is simulated. One file per system; ``kinds.py`` lists them."""
