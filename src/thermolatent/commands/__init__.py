"""The subcommands that are no stages. Each is a module with ``HELP``, ``add_arguments(parser)`` and ``run(options)``.

To add one: a module here, and its line in :data:`COMMANDS`. Modules import at their top only what answers at once;
heavy libraries are imported in ``run``. An error of the input's derives from ThermolatentError and is printed as one line.
``run`` may return an exit code; None is 0.
"""

from thermolatent.commands import (
    archive,
    check,
    clean,
    doctor,
    fit_density,
    init,
    predict,
    show,
    status,
)

COMMANDS = {
    "init": init,
    "check": check,
    "doctor": doctor,
    "archive": archive,
    "clean": clean,
    "fit-density": fit_density,
    "predict": predict,
    "show": show,
    "status": status,
}
