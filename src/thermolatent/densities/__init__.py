"""Models of p(z|T): a loss, samples and a log-density. They know nothing of files or of SPIB."""

from thermolatent.registry import Registry

DENSITIES = Registry("density", {"flow": "thermolatent.densities.flow:FlowDensity"})
DENSITY_SPECS = Registry("density", {"flow": "thermolatent.densities.specs:FlowSpec"})
