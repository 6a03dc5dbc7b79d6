"""The subcommands that are no stages. Each is a module with ``HELP``, ``add_arguments(parser)`` and ``run(options)``.

To add one: a module here, and its line in :data:`COMMANDS`. Modules import at their top only what answers at once;
heavy libraries are imported in ``run``. An error of the input's derives from ThermolatentError and is printed as one line.
``run`` may return an exit code; None is 0. A module with ``PASSES_ON = True`` gets the options that it does not know as a second
argument, a list.
"""

from thermolatent.commands import check, doctor, export, init, predict, run, status

#: By group of the help, in the order of use.
COMMANDS = {
    "start": {"init": init, "check": check, "run": run, "status": status},
    "look": {"predict": predict, "export": export},
    "machine": {"doctor": doctor},
}
