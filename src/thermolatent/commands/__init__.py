"""The subcommands other than stages. Each is a module with ``HELP``, ``add_arguments(parser)`` and ``run(options)``.

To add one, write a module here and add it to :data:`COMMANDS`. Heavy libraries are imported in ``run``, so that ``--help`` is
fast. User errors derive from ThermolatentError and are printed as one line. ``run`` may return an exit code; None is 0. With
``PASSES_ON = True`` it gets unknown options as a second argument, a list.
"""

from thermolatent.commands import advise, check, doctor, export, figure, init, predict, run, states, status

#: By group of the help, in the order of use.
COMMANDS = {
    "start": {"init": init, "check": check, "run": run, "status": status},
    "look": {"predict": predict, "advise": advise, "figure": figure, "states": states, "export": export},
    "machine": {"doctor": doctor},
}
