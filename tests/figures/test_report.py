"""The report: every number in it comes from a file, nothing in it comes from elsewhere."""

import copy
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from files_for_figures import make_study, reweighting_of, tables_of, write_blank_figures, write_study_files

from thermolatent.errors import ArtifactError
from thermolatent.figures import figures_of, melting
from thermolatent.files.artifacts import load_json, save_json
from thermolatent.report import findings
from thermolatent.report.findings import number
from thermolatent.report.tables import melting_tables, score_tables
from thermolatent.study.answers import asked_of
from thermolatent.study.jobs import run_job
from thermolatent.validate.predictions import decimals

VOID = {"meta", "img", "br", "input"}


class Page(HTMLParser):
    """Text, tables as lists of rows, images, ids and links; fails on tags that are not closed in order."""

    def __init__(self, html):
        super().__init__()
        self.title = ""
        self.open, self.tables, self.images, self.ids, self.links, self.pieces = [], {}, [], set(), set(), []
        self.feed(html)
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        if "id" in attributes:
            self.ids.add(attributes["id"])
        if tag == "img":
            self.images.append(attributes)
        if tag == "a":
            self.links.add(attributes["href"])
        if tag not in VOID:
            self.open.append(tag)
        if tag == "h3":
            self.title = ""
        elif tag == "table":
            self.rows = self.tables.setdefault(self.title, [])
        elif tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] in ("td", "th", "small"):
            self.rows[-1][-1] = f"{self.rows[-1][-1]} {data.strip()}".strip().replace("\u00a0", " ")
        elif self.open and self.open[-1] == "h3":
            self.title += data
        if not {"style", "script"} & set(self.open):
            self.pieces.append(data)

    @property
    def text(self):
        return re.sub(r"\s+", " ", " ".join(self.pieces))


@pytest.fixture(scope="module", params=[[0], [0, 1, 2]], ids=["one seed", "three seeds"])
def made(request, tmp_path_factory):
    study, seeds = make_study(), request.param
    layout = write_study_files(study, tmp_path_factory.mktemp("report"), seeds)
    write_blank_figures(study, layout)
    run_job("report", study, layout, seeds=seeds)
    html = Path(layout.report).read_text(encoding="utf-8")
    return study, layout, tables_of(study, layout, seeds), html, Page(html), seeds


def test_nothing_is_fetched(made):
    html = made[3]
    outside = re.sub(r"base64,[A-Za-z0-9+/=]+", "", html)
    namespace = '"http://www.w3.org/2000/svg"'  # a name, not an address that is asked for
    assert "http" not in outside.replace(namespace, "").lower()
    assert all(source.startswith("data:image/png;base64") for source in re.findall(r'src="([^"]{0,30})', html))
    assert not re.search(
        r"<(link|iframe|object)\b|<script[^>]*src|@import|url\(|\bfetch\(|XMLHttpRequest|\bimport\(", outside
    )


def test_every_figure_is_embedded_with_a_text_for_those_who_cannot_see_it(made):
    study, layout, _, _, page, _ = made
    names = [figure.name for figure in figures_of(study)]
    assert len(page.images) == len(names)
    assert all(len(image["alt"]) > 40 for image in page.images)
    assert {f"figure-{name}" for name in names} <= page.ids
    assert {link[1:] for link in page.links if link.startswith("#")} <= page.ids
    files = {f"generate/{m}/seed0/T{T:g}.dcd" for m in study.models for T in study.temperatures.generated}
    assert {link for link in page.links if not link.startswith("#")} == files
    import base64

    embedded = {base64.b64decode(image["src"].partition(",")[2]) for image in page.images}
    assert embedded == {Path(layout.figure(name, "png")).read_bytes() for name in names}


def test_tables_hold_the_medians(made):
    study, _, tables, _, page, seeds = made
    rows = {row[0]: row[1:] for row in page.tables["Jensen-Shannon divergence, fixed plane (mu2, mu3) (nats)"]}
    assert rows[""][:2] == ["T = 0.2 train, in-sample", "T = 0.3 interpolate"]
    series = tables.score("latf", "js_plane", "fixed")
    for cell, value in zip(rows["latf"], series.values(), strict=True):
        spread = f"{number(value.low)} to {number(value.high)}" if len(seeds) > 1 else f"± {number(value.half)}"
        assert cell == f"{number(value.median)} {spread}"
    floor = {row[0]: row[1:] for row in page.tables["Jensen-Shannon divergence, latent plane (nats)"]}
    assert [cell.split()[0] for cell in floor["MD half against half (floor)"]] == [
        number(v.median) for v in tables.score("floor", "js_latent", "latent").values()
    ]
    hexagon = {row[0]: row[1:] for row in page.tables["Population of hexagon"]}
    expected = [f"{v.median:.3f} ± 0.009" for v in tables.population("md", "hexagon").values()]
    assert hexagon["MD"] == expected
    assert set(hexagon) == {"", "MD", *study.models, "nearest training T", "MBAR", "conditional reweighting"}


def test_in_sample_scores_are_never_bold(made):
    """Models at the floor everywhere are bold at the temperatures that nothing was fitted to."""
    study, tables = made[0], made[2]
    at_the_floor = copy.copy(tables)
    at_the_floor.score = lambda name, metric, plane: tables.score("floor", metric, plane)
    divergence = score_tables(asked_of(study), at_the_floor)[0]
    assert "In-sample: at a training temperature" in divergence.caption
    marks = [cell.mark for cell in dict(divergence.rows)["latf"]]
    assert marks == ["" if T in study.temperatures.train else "good" for T in study.temperatures.generated]
    assert "good" in marks
    assert "" in marks


def test_answer_says_verdicts_accuracy_and_what_is_not_converged(made):
    study, _, tables, _, page, _ = made
    rows = {row[0]: row[1:] for row in page.tables["Populations and verdicts"]}
    assert list(rows) == ["", *study.validate_.states.names]
    for state in study.validate_.states.names:
        for T, cell in zip(study.temperatures.generated, rows[state], strict=True):
            p = tables.predictions()[T][state]
            assert cell == f"{p.value:.2f} ({p.low:.2f} to {p.high:.2f}) {p.verdict}"
            if p.verdict != "trusted":
                assert p.reason in page.text
                assert p.remedy in page.text
    verdicts = {p.verdict for of_state in tables.predictions().values() for p in of_state.values()}
    assert verdicts == {"trusted", "not trusted"}
    assert page.text.count("Trusted within 0.05: every state at T = 0.3 and 0.4; hexagon, ") == 1
    for model in study.models:
        a = findings.accuracy(asked_of(study), tables, model)
        assert f"{model}: median divergence {number(a.js)} nats" in page.text
        assert f"{a.population_error:.3f} ({a.state} at T = {a.population_at:g})" in page.text
    added, state, T = max(
        (p.parts["model"], state, T)
        for T, of_state in tables.predictions("latf").items()
        for state, p in of_state.items()
    )
    assert f"latf adds up to {number(added)} to half of an interval ({state} at T = {T:g})." in page.text
    assert "latf_published is not informed, and differs from the reweighting by up to" in page.text
    assert "The MD at T = 0.3 is not converged: walkers from hexagon and chevron differ by 6.3 standard" in page.text
    assert "The best baseline, MBAR, has" in page.text
    assert "and is better" in page.text


def test_accuracy_is_over_predicted_temperatures_only(made):
    study, _, tables, *_ = made
    a = findings.accuracy(asked_of(study), tables, "latf")
    series = tables.score("latf", "js_plane", "fixed")
    assert a.worst == max(series[T].median for T in (0.3, 0.4, 0.6, 0.7))
    from statistics import median

    assert a.js == median(series[T].median for T in (0.3, 0.4, 0.6, 0.7))
    assert a.baseline_js == median(tables.score("mbar", "js_plane", "fixed")[T].median for T in (0.3, 0.4, 0.6, 0.7))


def test_evidence_settings_versions_and_timings_are_there(made):
    _, _, _, _, page, seeds = made
    md = {row[0]: row[1:] for row in page.tables["MD by temperature"]}
    assert md["T = 0.3"][3].startswith("not converged, 6.3 standard errors")
    assert md["T = 0.2"][3].startswith("agree, 1.4 standard errors")
    assert md["T = 0.2"][1] == "3000 1500 time units each"
    assert "beta_ib: 0.0001" in page.text
    assert "latent_dim: 2" in page.text, "defaults too"
    versions = dict(page.tables["Versions"][1:])
    assert versions["openmm, of the MD"] == "8.6.1"
    timings = dict(page.tables["Seconds of work"][1:])
    assert timings["MD, all temperatures"] == "368"  # six times 61.25
    assert timings["model latf"] == f"{96 * len(seeds)}"
    training = [row for row in page.tables["Training runs"] if row[0] == "model latf"]
    assert len(training) == len(seeds)
    assert training[0][3].startswith("1.9417")  # 1.9 + 1/24


def test_without_reference_the_report_has_the_same_verdicts(write_files):
    study = make_study(reference=False)
    layout = write_files(study)
    write_blank_figures(study, layout)
    run_job("report", study, layout, seeds=[0])
    page = Page(Path(layout.report).read_text(encoding="utf-8"))
    assert "there is no MD at them to compare with" in page.text
    assert "Trusted within 0.05: every state at T = 0.3 and 0.4; hexagon, " in page.text
    assert "There is no reference MD at the predicted temperatures" in page.text
    assert "median divergence" not in page.text
    rows = {row[0]: row[1:] for row in page.tables["Jensen-Shannon divergence, fixed plane (mu2, mu3) (nats)"]}
    assert [cell == "–" for cell in rows["latf"]] == [False, True, True, False, True, True]


def test_a_smoke_run_says_so_on_top_and_trusts_nothing(write_files):
    study = make_study({"name": "lj7@smoke"})
    layout = write_files(study)
    write_blank_figures(study, layout)
    run_job("report", study, layout, seeds=[0])
    page = Page(Path(layout.report).read_text(encoding="utf-8"))
    assert "A smoke run: too short to trust." in page.text
    assert "Not trusted: every state at every temperature." in page.text
    assert "Trusted within" not in page.text
    cells = [cell for row in page.tables["Populations and verdicts"][1:] for cell in row[1:]]
    assert all(cell.endswith("not trusted") for cell in cells)


def test_md_has_the_last_word(write_files):
    study = make_study()
    layout = write_files(study)
    tables = tables_of(study, layout, [0])
    assert findings.contradicted(asked_of(study), tables) == []
    p = tables.predictions()[0.3]["hexagon"]
    for row in tables._populations:
        if (row["model"], row["state"], row["temperature"]) == ("md", "hexagon", "0.3"):
            row |= {"value": str(p.value + 0.1), "low": str(p.value + 0.09), "high": str(p.value + 0.11)}
    text = "Against the MD: hexagon at T = 0.3 is off by 0.10, more than the interval allows."
    assert text in findings.answers(asked_of(study), tables)


def test_observables_with_a_tolerance_are_judged_like_populations(write_files):
    study = make_study(observables=True)
    asked = {"tolerance": {"populations": 0.05, "coordination_moments": 0.012}}
    study = study.model_copy(update={"validate_": study.validate_.model_copy(update=asked)})
    layout = write_files(study)
    write_blank_figures(study, layout)
    run_job("report", study, layout, seeds=[0])
    page, tables = Page(Path(layout.report).read_text(encoding="utf-8")), tables_of(study, layout, [0])
    rows = {row[0]: row[1:] for row in page.tables["Means of observables and verdicts"]}
    assert list(rows) == ["", "mu2, within 0.012", "mu3, within 0.012"]
    known = tables.predictions(quantity="mean")
    assert {p.verdict for of_name in known.values() for p in of_name.values()} == {"trusted", "not trusted"}
    for T, cell in zip(study.temperatures.generated, rows["mu2, within 0.012"], strict=True):
        p = known[T]["mu2"]
        assert cell.startswith(f"{p.value:.{decimals(p.high - p.low)}f} (")
        assert cell.endswith(p.verdict)
    assert list(next(iter(tables.predictions().values()))) == study.validate_.states.names, "states alone"
    assert "Trusted within 0.012: mean of " in page.text
    assert ": not trusted: " in page.text
    p = known[0.3]["mu2"]
    for row in tables._populations:
        if (row["model"], row["state"], row["temperature"]) == ("md", "mu2", "0.3"):
            row |= {"value": str(p.value + 0.1), "stderr": "0.001"}
    assert "Against the MD: mean of mu2 at T = 0.3 is off by 0.10, more than the interval allows." in findings.answers(
        asked_of(study), tables
    )


def test_text_from_a_study_cannot_become_markup(write_files):
    study = make_study({"description": "a <b>bold</b> & <script>alert(1)</script> claim"})
    layout = write_files(study)
    write_blank_figures(study, layout)
    run_job("report", study, layout, seeds=[0])
    html = Path(layout.report).read_text(encoding="utf-8")
    assert "<script>alert" not in html
    assert "&lt;b&gt;bold&lt;/b&gt; &amp;" in html


def test_a_missing_figure_or_protocol_is_named(write_files):
    study = make_study()
    layout = write_files(study)
    with pytest.raises(ArtifactError, match=r"populations.png.*run the stage figures"):
        run_job("report", study, layout, seeds=[0])
    Path(layout.protocol(0.3)).unlink()
    with pytest.raises(ArtifactError, match=r"protocol.json"):
        run_job("report", study, layout, seeds=[0])


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0047123, "0.0047"),
        (0.06, "0.060"),
        (0.128, "0.13"),
        (1.0, "1.0"),
        (12.3, "12"),
        (123.4, "123"),
        (0.0, "0"),
        (2.2e-16, "0"),
        (0.00017, "0.00017"),
    ],
)
def test_numbers_have_two_digits(value, text):
    assert number(value) == text


@pytest.mark.parametrize(("baseline", "verdict"), [(0.0105, "much the same"), (0.008, "better"), (0.02, "worse")])
def test_a_baseline_that_wins_is_said_to(baseline, verdict):
    a = findings.Accuracy(0.01, 0.008, 0.02, 0.7, "mbar", baseline, 0.013, "hexagon", 0.3)
    assert f"MBAR, has {number(baseline)} and is {verdict}." in findings.accuracy_sentence(a, "latf", "plane", "MBAR")


def test_observables_and_melting_have_tables_where_the_study_asks(tmp_path):
    study = make_study(melting="hexagon", observables=True)
    layout = write_study_files(study, tmp_path, [0, 1])
    write_blank_figures(study, layout)
    run_job("report", study, layout, seeds=[0, 1])
    page = Page(Path(layout.report).read_text())
    assert "observables" in page.ids
    assert "#observables" in page.links
    mean = tables_of(study, layout, [0, 1]).observable("md", "mu3")[0.2].median
    md = next(row for row in page.tables["Mean of mu3"] if row[0].startswith("MD"))
    assert md[1].startswith(f"{mean:.4g}")
    fits = melting.load_fits(layout.melting)
    rows = {row[0]: row[1:] for row in page.tables["Melting of hexagon"]}
    assert list(rows)[1:] == ["conditional reweighting", "MD", "latf_published"]
    for name, label in (("reweighting", "conditional reweighting"), ("latf_published", "latf_published")):
        for cell, quantity, scale in zip(rows[label], ("Tm", "dH", "dS"), (1, 1, 1e3), strict=False):
            value, half = fits[name].numbers[quantity]
            assert cell == f"{number(scale * value)} ± {number(scale * half)}"
    assert rows["latf_published"][3] == "–", "a two-state fit has no heat capacity"
    assert rows["conditional reweighting"][4] == "–"


def test_measured_values_stand_beside_the_predictions(tmp_path):
    measured = [
        {"quantity": "hexagon", "label": "CD, 2004", "values": [[0.1, 0.9, 0.05], [0.4, 0.5, 0.1]]},
        {"quantity": "chevron", "label": "CD, 2004", "values": [[0.3, 0.9, 0.02]]},
        {"quantity": "melting", "label": "DSC", "values": [[0.9]]},
    ]
    study = make_study(melting="hexagon", experiment=measured)
    layout = write_study_files(study, tmp_path, [0])
    write_blank_figures(study, layout)
    run_job("report", study, layout, seeds=[0])
    page = Page(Path(layout.report).read_text())
    cold, warm = page.tables["Population of hexagon: CD, 2004"][1:]
    assert (cold[0], warm[0], cold[1]) == ("0.1", "0.4", "0.90 ± 0.10")
    own = reweighting_of(study).populations(0.4).iloc[0]
    assert warm[2] == f"{own.value:.2f} {own.low:.2f} to {own.high:.2f}"
    chi2, other = dict.fromkeys(float(row["chi2"]) for row in tables_of(study, layout, [0]).measured if row["chi2"])
    assert f"Population of chevron, CD, 2004: chi-square {number(other)} for 1 value (" in page.text
    assert len(page.tables["Population of chevron: CD, 2004"]) == 2
    assert f"Population of hexagon, CD, 2004: chi-square {number(chi2)} for 2 values" in page.text
    assert page.tables["Melting temperature of hexagon: DSC"][1][:2] == ["", "0.90 error not given"]


@pytest.mark.parametrize(("Tm", "where"), [(0.3, None), (0.15, "below"), (0.6, "above")])
def test_a_melting_temperature_beyond_the_training_ones_is_called_extrapolated(Tm, where):
    fits = {"reweighting": melting.Melted({"Tm": (Tm, 0.01)}, None, where is not None)}
    (table,) = melting_tables(asked_of(make_study(melting="hexagon")), fits)
    said = f"By reweighting Tm is {where} all training temperatures, so extrapolated."
    assert table.caption.endswith(said) if where else "extrapolated" not in table.caption


def test_one_start_is_not_called_too_few_walkers(tmp_path):
    study = make_study()
    layout = write_study_files(study, tmp_path, [0])
    write_blank_figures(study, layout)
    protocol = load_json(layout.protocol(0.2))
    protocol["convergence"] |= {"mean_energy": {"extended": -1.0}, "standard_errors": None, "between": None}
    save_json(layout.protocol(0.2), {k: v for k, v in protocol.items() if k != "format"})
    run_job("report", study, layout, seeds=[0])
    row = next(row for row in Page(Path(layout.report).read_text()).tables["MD by temperature"] if "0.2" in row[0])
    assert row[4] == "not known one start"
