"""What no file of the repository does, and what names and files from outside cannot."""

import ast
import importlib.util
import json
from importlib.metadata import distributions
from pathlib import Path

import numpy as np
import pytest
import yaml
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from studies_for_tests import SOUND, changed, write

from thermolatent.errors import ArtifactError, ConfigError
from thermolatent.files.artifacts import load_array, load_arrays
from thermolatent.study.loading import load_study

HOME = Path(__file__).parents[1]
SOURCES = sorted(
    path for folder in ("src", "tools", "benchmarks", "workflow") for path in (HOME / folder).rglob("*.py")
)
#: Calls that run what they read, by the end of their dotted name.
FORBIDDEN = ("pickle.load", "pickle.loads", "torch.load", "torch.save", "yaml.load", "os.system", "eval", "exec")


def dotted(node):
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""


def calls():
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call):
                yield path.relative_to(HOME), node, dotted(node.func)


def test_nothing_that_is_read_is_run():
    found = [f"{path}:{node.lineno} {name}" for path, node, name in calls() if name in FORBIDDEN]
    assert not found
    imports = [str(path) for path in SOURCES if "import pickle" in path.read_text()]
    assert not imports


def test_arrays_are_never_pickled():
    for path, node, name in calls():
        if name in ("np.load", "np.save", "numpy.load", "numpy.save"):
            given = {k.arg: getattr(k.value, "value", None) for k in node.keywords}
            assert given.get("allow_pickle") is False, f"{path}:{node.lineno}"


def test_no_command_goes_through_a_shell():
    for path, node, name in calls():
        if name.startswith("subprocess."):
            assert not any(k.arg == "shell" for k in node.keywords), f"{path}:{node.lineno}"


def test_rules_put_only_checked_words_into_a_shell():
    """Wildcards are constrained by pattern, seeds whole numbers, scales names, threads a number, a log is made of wildcards."""
    allowed = {"wildcards.study", "wildcards.temperature", "wildcards.seed", "wildcards.model", "params.model"}
    allowed |= {"params.seed", "params.seeds", "threads", "log"}
    for path in (HOME / "workflow").rglob("*.smk"):
        text = path.read_text()
        for command in text.split("shell:")[1:]:
            command = command.split("\n\n")[0]
            used = {part.split("}")[0] for part in command.split("{")[1:]}
            assert used <= allowed, f"{path.name}: {used - allowed}"


class _Touch:
    """Unpickled, it would make a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (Path.touch, (Path(self.path),))


def test_an_array_file_that_holds_code_is_refused_and_not_run(tmp_path):
    marker = tmp_path / "was_run"
    np.save(tmp_path / "a.npy", np.array([_Touch(marker)], dtype=object), allow_pickle=True)
    np.savez(tmp_path / "a.npz", x=np.array([_Touch(marker)], dtype=object))
    for load, name in ((load_array, "a.npy"), (load_arrays, "a.npz")):
        with pytest.raises(ArtifactError, match="cannot be read"):
            load(tmp_path / name)
    assert not marker.exists()


def test_a_study_file_that_holds_code_is_refused_and_not_run(tmp_path):
    write(
        tmp_path,
        f"system: !!python/object/apply:pathlib.Path.touch [!!python/object/apply:pathlib.Path ['{tmp_path}/x']]\n",
    )
    with pytest.raises(ConfigError, match="not valid YAML"):
        load_study("mine", tmp_path / "studies")
    assert not (tmp_path / "x").exists()


HOSTILE = [
    "../escaped",
    "/escaped",
    "a/b",
    "a b",
    "a;touch x",
    "$(touch x)",
    "`touch x`",
    "a\n",
    "a'b",
    'a"b',
    "..",
    "{a}",
    "-a",
    "",
]


@pytest.mark.parametrize("name", HOSTILE)
def test_a_name_that_becomes_a_path_cannot_leave_the_results_or_reach_a_shell(tmp_path, name):
    latf = SOUND["models"]["latf"]
    minima = SOUND["validate"]["states"]["minima"]
    for key, value in (("models", {name: latf}), ("validate.states.minima", {**minima, name: [0.0, 0.0]})):
        write(tmp_path, changed(key, value))
        with pytest.raises(ConfigError):
            load_study("mine", tmp_path / "studies")
    write(tmp_path, SOUND)
    (tmp_path / "escaped.yaml").write_text(yaml.safe_dump(SOUND))
    for study in (name, f"mine@{name}"):
        if study == "mine@":  # an empty scale is none
            continue
        with pytest.raises((ConfigError, OSError)):
            load_study(study, tmp_path / "studies")
    write(tmp_path, {**changed("simulate", {"from": name}), "system": SOUND["system"]}, "taker")
    with pytest.raises(ConfigError):
        load_study("taker", tmp_path / "studies")
    write(tmp_path, {**SOUND, "scales": {name: {}}})
    if name:
        with pytest.raises(ConfigError):
            load_study(f"mine@{name}", tmp_path / "studies")


def audit():
    spec = importlib.util.spec_from_file_location("audit", HOME / "tools/audit.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_pins_meet_what_the_package_asks_for():
    import tomllib

    project = tomllib.loads((HOME / "pyproject.toml").read_text())["project"]
    module = audit()
    pinned = module.pins((HOME / "envs/constraints.txt").read_text())
    assert module.mismatches(project, pinned) == []
    assert module.mismatches(project, {**pinned, "numpy": module.Version("1.26.0")}) == [
        "envs/constraints.txt: numpy==1.26.0, but pyproject.toml needs numpy>=2"
    ]
    assert "has no pin of numpy" in module.mismatches(project, {k: v for k, v in pinned.items() if k != "numpy"})[0]


def test_every_pin_runs_on_the_oldest_python():
    """Debian 12 has 3.11.2; a pin that needs 3.11.5 leaves pip there with conflicts it cannot explain."""
    pinned = audit().pins((HOME / "envs/constraints.txt").read_text())
    needs = {canonicalize_name(d.name): d.metadata["Requires-Python"] for d in distributions()}
    assert len(needs.keys() & pinned) > len(pinned) / 2
    assert {name for name in needs.keys() & pinned if "3.11.0" not in SpecifierSet(needs[name] or "")} == set()


def test_an_audit_whose_database_is_out_of_reach_has_not_passed():
    """pip-audit itself then says "No known vulnerabilities found" and exits with 0."""
    module, skipped = audit(), {"name": "jinja2", "skip_reason": "Dependency not found on PyPI"}
    found, why_not = module.judged(json.dumps({"dependencies": [skipped]}), "No known vulnerabilities found")
    assert (found, why_not) == ([], "its database could not be asked about 1 of 1 packages (jinja2, ...)")
    assert module.judged("", "requests.exceptions.ConnectionError: no route")[1].endswith("no route")
    bad = {"name": "jinja2", "version": "2.10", "vulns": [{"id": "PYSEC-1"}]}
    assert module.judged(json.dumps({"dependencies": [bad]}), "") == (["jinja2 2.10: PYSEC-1"], "")
    assert module.judged(json.dumps({"dependencies": [{"name": "x", "version": "1", "vulns": []}]}), "") == ([], "")
