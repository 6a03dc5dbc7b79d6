"""From a trained model to an ensemble: latents, populations, free energies, frame weights, structures."""
