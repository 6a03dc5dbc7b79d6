"""Models of p(z|T): a loss, samples and a log-density. They know nothing of files or of SPIB."""

from thermolatent.registry import Registry

DENSITIES = Registry(
    "density",
    {
        "diffusion": "thermolatent.densities.diffusion:DiffusionDensity",
        "flow": "thermolatent.densities.flow:FlowDensity",
        "flow_matching": "thermolatent.densities.flow_matching:FlowMatchingDensity",
        "vampprior": "thermolatent.densities.mixture:VampPriorDensity",
    },
)
DENSITY_SPECS = Registry(
    "density",
    {
        "diffusion": "thermolatent.densities.specs:DiffusionSpec",
        "flow": "thermolatent.densities.specs:FlowSpec",
        "flow_matching": "thermolatent.densities.specs:FlowMatchingSpec",
        "vampprior": "thermolatent.densities.specs:VampPriorSpec",
    },
)
