"""Platforms that run on cores take the path of a GPU's."""

from thermolatent.simulate import molecules
from thermolatent.systems.platforms import why_not


def take_it(set_attribute=setattr):
    """Copies in one Context also on a CPU platform; the minimiser of PoCL crashes, so that of CPU stands in for it."""
    minimised = molecules.minimised_starts

    def on_cpu(molecule, settings, *more):
        poses = settings.platform == "OpenCL" and why_not("OpenCL")
        return minimised(molecule, settings.model_copy(update={"platform": "CPU"}) if poses else settings, *more)

    set_attribute(molecules, "ON_CORES", ())
    set_attribute(molecules, "minimised_starts", on_cpu)
