"""What to simulate next: the expected error of a prediction after more MD, and what that MD costs."""
