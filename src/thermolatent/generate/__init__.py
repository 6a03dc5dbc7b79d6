"""Ensembles of a trained model: latents, state probabilities, free energies, frame weights, structures."""
