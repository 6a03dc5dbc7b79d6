import shutil

import pytest
from pydantic import Field

from thermolatent.densities.specs import FlowSpec
from thermolatent.digest import code_digest, job_digest, reached
from thermolatent.parsing import Section
from thermolatent.systems.lj_cluster import LJCluster

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
        "    from .plugins.flow import Flow\n"
        "    return scale(lazy.two(), Flow)\n"
    ),
    "tools.py": "def scale(x, y):\n    return x * 2  # twice\n",
    "lazy.py": "import numpy as np\n\ndef two():\n    return 2\n",
    "typed.py": "class Kind: ...\n",
    "other.py": "def unrelated():\n    return 1\n",
    "plugins/__init__.py": "",
    "plugins/flow.py": "from thermolatent.plugins.couplings import Coupling\nclass Flow: ...\n",
    "plugins/couplings.py": "class Coupling:\n    width = 3\n",
    "plugins/diffusion.py": "class Diffusion: ...\n",
}


@pytest.fixture
def package(tmp_path):
    """Digest of ``thermolatent.stage`` in a small package, after files were changed; each call a package of its own."""
    count = iter(range(100))

    def digest(changes=()):
        root = tmp_path / str(next(count))
        for name, text in {**FILES, **dict(changes)}.items():
            path = root / "thermolatent" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        digest.root = root
        return code_digest(["thermolatent.stage"], root)

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
    assert package(HARMLESS[change]) == package()


@pytest.mark.parametrize("change", REAL)
def test_an_edit_of_code_that_runs_changes_the_digest(package, change):
    assert package(REAL[change]) != package()


class _Settings(Section):
    system: LJCluster
    models: dict[str, FlowSpec] = Field({})


def test_the_plug_ins_of_a_job_are_those_in_its_settings():
    module = "thermolatent.featurize.stage"
    bare, with_flow = _Settings(system=LJCluster()), _Settings(system=LJCluster(), models={"m": FlowSpec()})
    assert job_digest(module, bare) == code_digest([module, "thermolatent.systems.lj_cluster"])
    assert job_digest(module, with_flow) == code_digest(
        [module, "thermolatent.systems.lj_cluster", "thermolatent.densities.flow"]
    )
    assert job_digest(module, bare) != job_digest(module, with_flow)


def test_a_stage_reaches_its_imports_and_no_study():
    found = reached(["thermolatent.represent.stage"])
    assert {"thermolatent.represent.spib", "thermolatent.frames"} <= found
    assert not [name for name in found if name.startswith("thermolatent.study")]


def test_a_module_that_is_named_by_a_string_counts(package):
    """As a table of modules has it; a name of nothing in the package is text."""
    before = package()
    stage = (package.root / "thermolatent/stage.py").read_text()
    table = "TABLE = {'one': 'thermolatent.other', 'none': 'thermolatent.nowhere'}\n"
    named = package({"stage.py": stage + table, "other.py": "a = 1\n"})
    assert named != before
    assert "thermolatent.other" in reached(["thermolatent.stage"], package.root)
    assert package({"stage.py": stage + table, "other.py": "a = 2\n"}) != named


def test_a_module_that_is_not_there_is_told(package):
    package()
    with pytest.raises(ModuleNotFoundError, match=r"thermolatent\.nowhere"):
        code_digest(["thermolatent.nowhere"], root=package.root)


def test_scripts_outside_of_the_package_count_with_what_they_import_of_it(tmp_path):
    (tmp_path / "script.py").write_text("import numpy\nimport other\nfrom thermolatent.mbar import solve\n")
    (tmp_path / "other.py").write_text("x = 1\n")
    found = reached(["script"], tmp_path)
    assert {"script", "other", "thermolatent.mbar"} <= found
    assert not [name for name in found if name.startswith("numpy")]
    changed = shutil.copytree(tmp_path, tmp_path / "changed")
    (changed / "other.py").write_text("x = 2\n")
    assert code_digest(["script"], changed) != code_digest(["script"], tmp_path)
