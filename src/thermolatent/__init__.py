"""thermolatent: equilibrium ensembles at temperatures nobody simulated, from MD at two or more."""

__version__ = "0.1.0"
