"""Predictions with verdicts, and scores of models and baselines against reference MD."""
