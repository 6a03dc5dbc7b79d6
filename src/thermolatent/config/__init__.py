"""The data model of a study and of ``config.yaml``. What is wrong with either is said here, before any job starts.

Needs neither torch nor OpenMM. Unknown keys are refused with a suggestion; every problem is one line that names the
file, the key, what is wrong and what to write.
"""

from thermolatent.config.loading import Project, load_study, parse_density
from thermolatent.config.parsing import parse, read_yaml
from thermolatent.config.sections import BasinStates, Bath, Featurize, NearestStates, Representation, Reweight, Simulate
from thermolatent.config.study import Study

__all__ = [
    "BasinStates",
    "Bath",
    "Featurize",
    "NearestStates",
    "Project",
    "Representation",
    "Reweight",
    "Simulate",
    "Study",
    "load_study",
    "parse",
    "parse_density",
    "read_yaml",
]
