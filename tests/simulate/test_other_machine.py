"""Another OpenMM or platform than MD was begun with: finished frames are never touched, missing ones are refused in one line."""

from pathlib import Path

import openmm as mm
import pytest

from thermolatent.errors import SimulationError
from thermolatent.files.artifacts import load_json
from thermolatent.simulate import engines, stage, walkers
from thermolatent.simulate.partial import Partial
from thermolatent.study.jobs import run_job
from thermolatent.study.layout import Layout
from thermolatent.systems.three_hole import ThreeHole

T = 0.7
SMALL = {"equilibration": 7, "frames": 20}
TEMPERED = {"reference": [0.7, 1.0], "tempering": {"rungs": [2.0]}, "frames": 20, "equilibration": 13}
#: What another machine changes: the version of OpenMM, or what the study says.
OTHERS = {"openmm": {}, "platform": {"platform": "CPU"}}


def run(study, layout):
    run_job("temper", study, layout) if study.tempering else run_job("simulate", study, layout, temperature=T)


def everything(layout):
    """Bytes of all MD files, the protocols and the unfinished part among them."""
    return {path: path.read_bytes() for path in Path(layout.root).rglob("*") if path.is_file()}


def dies(*_):
    raise KeyboardInterrupt


@pytest.fixture(params=["plain", "tempered"])
def made(request, make_study):
    """``made(**changes)``: the study, plain or with replica exchange."""
    settings = {"plain": {**SMALL, "reference": [T]}, "tempered": TEMPERED}[request.param]
    return lambda **changes: make_study(ThreeHole(), **{**settings, **changes})


@pytest.fixture
def elsewhere(monkeypatch):
    """A function that makes this a machine with another version of OpenMM."""
    return lambda: monkeypatch.setattr(mm.version, "version", "99.1")


@pytest.fixture
def no_dynamics(monkeypatch):
    """A function that forbids steps from now on."""

    def forbid():
        for engine in (engines.Together, engines.InTurn):
            monkeypatch.setattr(engine, "__init__", lambda *_: pytest.fail("dynamics was begun"))

    return forbid


@pytest.mark.parametrize("other", OTHERS)
def test_finished_md_is_left_alone(made, tmp_path, elsewhere, no_dynamics, other):
    layout = Layout(str(tmp_path))
    run(made(), layout)
    before = everything(layout)
    elsewhere()
    no_dynamics()
    run(made(**OTHERS[other]), layout)
    assert everything(layout) == before


@pytest.mark.parametrize("other", OTHERS)
def test_outputs_that_snakemake_removed_come_back_without_dynamics(made, tmp_path, elsewhere, no_dynamics, other):
    layout = Layout(str(tmp_path))
    run(made(), layout)
    before, study = everything(layout), made(**OTHERS[other])
    elsewhere()
    no_dynamics()
    # Of a replica exchange only the list is a declared output.
    lost = [layout.topology(T), layout.md_energies(T), layout.protocol(T)]
    for path in [layout.tempered] if study.tempering else lost:
        Path(path).unlink()
    run(study, layout)
    assert everything(layout) == before


def test_a_lost_file_of_a_replica_exchange_comes_back_too(make_study, tmp_path, elsewhere, no_dynamics):
    layout, study = Layout(str(tmp_path)), make_study(ThreeHole(), **TEMPERED)
    run(study, layout)
    before = everything(layout)
    elsewhere()
    no_dynamics()
    Path(layout.md_energies(1.0)).unlink()
    run(study, layout)
    assert everything(layout) == before


def test_md_that_lacks_only_its_final_files_is_finished_anywhere(made, tmp_path, monkeypatch, elsewhere, no_dynamics):
    layout, whole = Layout(str(tmp_path / "torn")), Layout(str(tmp_path / "whole"))
    run(made(), whole)
    with monkeypatch.context() as patch:
        patch.setattr(stage, "write_topology", dies)
        with pytest.raises(KeyboardInterrupt):
            run(made(), layout)
    version = mm.version.version
    elsewhere()
    if not made().tempering:  # a replica exchange that is not there yet needs its engine
        no_dynamics()
    run(made(), layout)
    for path in [*layout.trajectories(T, 4), layout.md_energies(T)]:
        assert Path(path).read_bytes() == Path(path.replace("torn", "whole")).read_bytes()
    assert load_json(layout.protocol(T))["openmm"] == version


@pytest.mark.parametrize(
    ("other", "told"),
    [
        ("openmm", r"begun with OpenMM .*, here is 99\.1; .* after its 20 frames .* simulate\.any_openmm: true"),
        ("platform", r"platform Reference, here it is CPU; .* after its 20 frames write simulate\.platform: Reference"),
    ],
)
def test_more_frames_elsewhere_are_refused_before_anything_is_touched(made, tmp_path, elsewhere, other, told):
    layout, whole = Layout(str(tmp_path / "extended")), Layout(str(tmp_path / "whole"))
    run(made(), layout)
    before = everything(layout)
    version = mm.version.version
    longer = made(frames=33)
    run(longer, whole)
    if other == "openmm":
        elsewhere()
    with pytest.raises(SimulationError, match=told) as refused:
        run(made(frames=33, **OTHERS[other]), layout)
    assert "\n" not in str(refused.value)
    assert everything(layout) == before
    allowed = made(frames=33, any_openmm=True) if other == "openmm" else longer
    run(allowed, layout)
    for path in [*layout.trajectories(T, 4), layout.md_energies(T)]:
        assert Path(path).read_bytes() == Path(path.replace("extended", "whole")).read_bytes()
    assert load_json(layout.protocol(T))["openmm"] == (f"{version}, 99.1" if other == "openmm" else version)
    run(made(frames=33), layout)  # the key is no part of what was made
    run(made(frames=40, any_openmm=True), layout)
    assert load_json(layout.protocol(T))["openmm"] == (f"{version}, 99.1" if other == "openmm" else version)


def unfinished(study, layout, monkeypatch):
    """Begin the MD and leave it after some frames."""
    append, calls = Partial.append, []

    def ninth_dies(*given):
        calls.append(given)
        return append(*given) if len(calls) < 9 else dies()

    with monkeypatch.context() as patch:
        patch.setattr(walkers, "CHECKPOINT_SECONDS", 0.0)  # a checkpoint after every frame
        patch.setattr(Partial, "append", ninth_dies)
        with pytest.raises(KeyboardInterrupt):
            run(study, layout)


@pytest.mark.parametrize("other", OTHERS)
def test_unfinished_md_is_refused_and_kept(made, tmp_path, monkeypatch, elsewhere, other):
    layout, whole = Layout(str(tmp_path / "torn")), Layout(str(tmp_path / "whole"))
    run(made(), whole)
    unfinished(made(), layout, monkeypatch)
    before = everything(layout)
    if other == "openmm":
        elsewhere()
    with pytest.raises(SimulationError, match=r"was begun with .* to continue after its 8 frames"):
        run(made(**OTHERS[other]), layout)
    assert everything(layout) == before
    run(made(any_openmm=True), layout)
    for path in [*layout.trajectories(T, 4), layout.md_energies(T)]:
        assert Path(path).read_bytes() == Path(path.replace("torn", "whole")).read_bytes()


def test_a_checkpoint_that_openmm_refuses_is_kept(made, tmp_path, monkeypatch):
    layout = Layout(str(tmp_path))
    unfinished(made(), layout, monkeypatch)
    before = everything(layout)

    def refuses(*_):
        raise mm.OpenMMException("loadCheckpoint: Checkpoint was created with a different device")

    with monkeypatch.context() as patch:
        for engine in (engines.Together, engines.InTurn):
            patch.setattr(engine, "restore", refuses)
        with pytest.raises(
            SimulationError, match=r"cannot be read by this OpenMM and device .* remove this folder"
        ) as refused:
            run(made(), layout)
    assert "\n" not in str(refused.value)
    assert everything(layout) == before
    run(made(), layout)
    assert load_json(layout.protocol(T))["frames"] == 20
