import pytest

from thermolatent.digest import code_digest, plugin_modules, reached

FILES = {
    "__init__.py": "__version__ = '1'\n",
    "settings.py": "class Study: ...\n",
    "stage.py": (
        '"""The stage."""\n'
        "from __future__ import annotations\n"
        "from typing import TYPE_CHECKING\n"
        "from thermolatent.settings import Study\n"
        "from thermolatent.tools import scale\n"
        "if TYPE_CHECKING:\n"
        "    from thermolatent.typed import Kind\n"
        "def run(study: Study) -> Kind:\n"
        '    """Run it."""\n'
        "    from thermolatent import lazy\n"
        "    from .plugins import PLUGINS\n"
        "    return scale(lazy.two(), PLUGINS)\n"
    ),
    "tools.py": "def scale(x, y):\n    return x * 2  # twice\n",
    "lazy.py": "import numpy as np\n\ndef two():\n    return 2\n",
    "typed.py": "class Kind: ...\n",
    "other.py": "def unrelated():\n    return 1\n",
    "plugins/__init__.py": (
        "from thermolatent.registry import Registry\n"
        "PLUGINS = Registry('density', {\n"
        "    'flow': 'thermolatent.plugins.flow:Flow',\n"
        "    'diffusion': 'thermolatent.plugins.diffusion:Diffusion',\n"
        "})\n"
    ),
    "plugins/flow.py": "from thermolatent.plugins.couplings import Coupling\nclass Flow: ...\n",
    "plugins/couplings.py": "class Coupling:\n    width = 3\n",
    "plugins/diffusion.py": "class Diffusion: ...\n",
    "registry.py": "class Registry: ...\n",
}


@pytest.fixture
def package(tmp_path):
    """Digest of ``thermolatent.stage`` in a small package, after files were changed; each call a package of its own."""
    count = iter(range(100))

    def digest(changes=(), used=None):
        root = tmp_path / str(next(count))
        for name, text in {**FILES, **dict(changes)}.items():
            path = root / "thermolatent" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        digest.root = root
        return code_digest(["thermolatent.stage"], used, root)

    return digest


def edited(name, old, new):
    assert old in FILES[name]
    return {name: FILES[name].replace(old, new)}


HARMLESS = {
    "an asset of another module": {"other_assets/page.js": "go();"},
    "comment": edited("tools.py", "# twice", "# doubled, as the paper says"),
    "module docstring": edited("stage.py", "The stage.", "A stage."),
    "function docstring": edited("stage.py", "Run it.", "Run it well."),
    "layout": edited(
        "tools.py", "def scale(x, y):\n    return x * 2", "def scale(\n    x,\n    y,\n):\n\n    return (x * 2)"
    ),
    "module that is not imported": edited("other.py", "1", "2"),
    "module that is imported for types": edited("typed.py", "...", "x = 1"),
    "settings of a stage": edited("settings.py", "...", "x = 1"),
    "version": edited("__init__.py", "1", "2"),
    "another plug-in": edited("plugins/diffusion.py", "...", "x = 1"),
    "one more plug-in registered": {
        **edited("plugins/__init__.py", "})", "    'new': 'thermolatent.plugins.new:New',\n})"),
        "plugins/new.py": "class New: ...\n",
    },
}
REAL = {
    "an asset of the module": {"stage_assets/page.js": "go();"},
    "the stage": edited("stage.py", "lazy.two()", "lazy.two() + 1"),
    "what it imports": edited("tools.py", "x * 2", "x * 3"),
    "what it imports inside a function": edited("lazy.py", "return 2", "return 3"),
    "the plug-in in use": edited("plugins/flow.py", "...", "x = 1"),
    "what the plug-in imports": edited("plugins/couplings.py", "3", "4"),
    "a default": edited("tools.py", "(x, y)", "(x, y=1)"),
}


@pytest.mark.parametrize("change", HARMLESS)
def test_an_edit_that_changes_no_result_changes_no_digest(package, change):
    used = {"density": ["flow"]}
    assert package(HARMLESS[change], used) == package(used=used)


@pytest.mark.parametrize("change", REAL)
def test_an_edit_of_code_that_runs_changes_the_digest(package, change):
    used = {"density": ["flow"]}
    assert package(REAL[change], used) != package(used=used)


def test_without_a_list_of_plugins_all_count(package):
    assert package(HARMLESS["another plug-in"]) != package()
    package()
    assert "thermolatent.plugins.diffusion" in reached(["thermolatent.stage"], {}, package.root)


def test_plugins_that_come_as_objects_are_found(package):
    package()
    found = plugin_modules(["thermolatent.plugins"], {"density": {"flow"}}, package.root)
    assert found == {"thermolatent.plugins.flow"}


def test_a_module_that_is_not_there_is_told(package):
    package()
    with pytest.raises(ModuleNotFoundError, match=r"thermolatent\.nowhere"):
        code_digest(["thermolatent.nowhere"], root=package.root)
