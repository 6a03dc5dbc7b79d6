"""Every study that comes with the package runs to its report at scale smoke, in this process."""

import html
from pathlib import Path

import numpy as np
import pytest
import yaml
from finished_study import run_stages

from thermolatent.files.artifacts import load_json
from thermolatent.tables import SCORE_COLUMNS, read_table
from thermolatent.validate.predictions import COLUMNS as PREDICTION_COLUMNS

pytestmark = pytest.mark.smoke

STUDIES = Path(__file__).parents[2] / "studies"
#: One of each kind of system that a CPU runs in seconds, and of each kind of training; CI has time for these.
QUICK = {
    *("lj7", "three_hole", "three_hole_single", "paper_aib9", "alanine_dipeptide", "wca_dimer"),
    *("hairpin_go", "hairpin_go_dimensions", "hairpin_go_hot"),
}


def studies():
    """Those with MD of their own, and those that take it over after them."""
    content = {path.stem: yaml.safe_load(path.read_text()) for path in sorted(STUDIES.glob("*.yaml"))}
    for name in sorted(content, key=lambda name: ("from" in content[name]["simulate"], name)):
        yield name if name in QUICK else pytest.param(name, marks=pytest.mark.slow)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A working directory, in which studies find the MD of others."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("smoke"))
        yield


@pytest.mark.parametrize("name", studies())
def test_a_study_runs_to_its_report(folder, name):
    study, layout = run_stages(f"{name}@smoke", STUDIES)
    asked = study.temperatures.generated
    scores = read_table(layout.all_scores, SCORE_COLUMNS)
    assert {row["model"] for row in scores} >= {*study.models, "conditional"}
    assert np.isfinite([float(row["value"]) for row in scores]).all()
    predicted = [row for row in read_table(layout.predictions, PREDICTION_COLUMNS) if row["predictor"] == "reweighting"]
    shares = np.reshape([float(row["value"]) for row in predicted], (len(asked), -1))
    assert shares.shape[1] == len(study.validate_.states.names)
    np.testing.assert_allclose(shares.sum(1), 1, atol=1e-4)
    assert all((Path(layout.figures).parent / file).stat().st_size for file in load_json(layout.figures)["files"])
    assert study.description in html.unescape(Path(layout.report).read_text())
