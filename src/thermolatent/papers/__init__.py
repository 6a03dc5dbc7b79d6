"""The figures of three papers, made again: Latent Thermodynamic Flows (arXiv:2507.03174), D-SPIB (2510.09784), and a survey
of generative frameworks (2411.09388). Drawn from results of ordinary studies; the survey's benchmark has jobs of its own.
"""
