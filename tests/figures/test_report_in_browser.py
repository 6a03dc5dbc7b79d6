"""The report in headless Chromium: it loads without a complaint and without a network, and the slider moves everything."""

import base64
import csv
import io
import re
from pathlib import Path

import pytest
from browser import Browser
from files_for_figures import make_study, write_blank_figures, write_study_files

from thermolatent.study.jobs import run_job
from thermolatent.tables import read_table
from thermolatent.validate.predictions import COLUMNS, decimals

pytestmark = pytest.mark.browser

SETTLED = "new Promise(done => requestAnimationFrame(() => setTimeout(done, 100)))"
SET = """(k => {{ const slider = document.getElementById('temperature');
  slider.value = k; slider.dispatchEvent(new Event('input')); }})({})"""
PICTURES = (
    "[...document.querySelectorAll('#explorer canvas, #models canvas')].map(c => c.offsetWidth ? c.toDataURL() : '')"
)
# Of the pictures: structure, fixed plane predicted and by MD, colour bar; then latent plane of model and MD, and the model's own.
HEAD = 4
TEXT = "document.querySelector('.numbers table').innerText"
OPEN = "document.getElementById('rest').open = true"


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    study = make_study(melting="hexagon", observables=True)
    layout = write_study_files(study, tmp_path_factory.mktemp("page"), [0, 1])
    write_blank_figures(study, layout)
    run_job("report", study, layout, seeds=[0, 1])
    return layout.report


@pytest.fixture(scope="module")
def browser():
    with Browser() as browser:
        yield browser


@pytest.fixture
def opened(browser, page):
    browser.events.clear()
    browser.resize(1400, 900)
    browser.open(page)
    browser.run(OPEN)
    browser.run(SETTLED)
    return browser


def test_loads_without_errors_and_asks_for_nothing(opened, page):
    assert opened.errors == []
    assert len(opened.requests) == 1
    assert opened.requests[0].endswith("report.html")
    assert opened.run("document.querySelector('#explorer .shown').textContent") == "T = 0.3"


def test_the_slider_changes_maps_curves_numbers_and_structures(opened):
    before, numbers = opened.run(PICTURES), opened.run(TEXT)
    cursor = opened.run("[...document.querySelectorAll('.cursor')].map(c => c.getAttribute('x1'))")
    last = opened.run("document.getElementById('temperature').max")
    opened.run(SET.format(last))
    after = opened.run(PICTURES)
    changed = [a != b for a, b in zip(before, after, strict=True)]
    assert changed == [True, True, True, False, True, True, False], (
        "not the colour bar, and there is no plane of latf's own"
    )
    assert opened.run(TEXT) != numbers
    assert "T = 0.7" in opened.run(TEXT)
    moved = opened.run("[...document.querySelectorAll('.cursor')].map(c => c.getAttribute('x1'))")
    assert len(moved) >= 9
    assert all(float(a) < float(b) for a, b in zip(cursor, moved, strict=True))
    assert "not trusted" in opened.run("document.querySelector('#at td.doubt').textContent")
    assert opened.errors == []


def test_what_is_painted_is_the_colour_of_the_number(opened):
    """The cell under the middle of the map has the colour map's colour for the free energy that the readout tells."""
    script = """(() => {
      const c = document.querySelector('#latent canvas'), b = c.box, r = c.getBoundingClientRect();
      const x = b.x + 0.35 * b.w, y = b.y + 0.5 * b.h;
      c.dispatchEvent(new PointerEvent('pointermove', {clientX: r.left + x, clientY: r.top + y}));
      const k = c.width / c.clientWidth;
      const px = c.getContext('2d').getImageData(Math.round(x * k), Math.round(y * k), 1, 1).data;
      return [[...px], document.querySelector('#latent .readout').textContent];
    })()"""
    from matplotlib import colormaps

    pixel, readout = opened.run(script)
    F = float(readout.split(": ")[1].removesuffix(" kT"))
    expected = colormaps["viridis"](F / 8)[:3]
    assert [p / 255 for p in pixel[:3]] == pytest.approx(expected, abs=0.03)
    assert F < 8


@pytest.mark.parametrize("place", [(0.35, 0.5), (0.8, 0.9)], ids=["well known", "hardly known"])
def test_the_plane_tells_its_interval_and_greys_what_is_hardly_known(opened, place):
    script = """(([i, j]) => {
      const c = document.querySelector('#plane canvas'), b = c.box, r = c.getBoundingClientRect();
      const x = b.x + i * b.w, y = b.y + (1 - j) * b.h, k = c.width / c.clientWidth;
      c.dispatchEvent(new PointerEvent('pointermove', {clientX: r.left + x, clientY: r.top + y}));
      const px = c.getContext('2d').getImageData(Math.round(x * k), Math.round(y * k), 1, 1).data;
      return [[...px], document.querySelector('#plane .readout').textContent];
    })"""
    from matplotlib import colormaps

    pixel, readout = opened.run(f"{script}({list(place)})")
    F, half = (part.strip() for part in readout.split(": ")[1].split("±"))
    F, half = (float(part.split()[-2]) for part in (F, half))  # "more than 8 kT" is 8
    assert half == pytest.approx(min(0.2 * 2.718281828 ** (F / 2), 8), rel=0.05), "as the files have it"
    assert (half > 2) == (place == (0.8, 0.9))
    colour = [255 * c for c in colormaps["viridis"](F / 8)[:3]]
    expected = [0.15 * c + 0.85 * 209 for c in colour] if half > 2 else colour
    assert pixel[:3] == pytest.approx(expected, abs=8)


def test_between_the_temperatures_asked_for_there_is_the_answer_and_nothing_else(opened):
    opened.run(SET.format(1))
    assert opened.run("document.querySelector('.between').hidden") is False
    row = opened.run("[...document.querySelectorAll('.numbers tbody tr')][0].innerText").split("\t")
    head = opened.run("document.querySelector('.numbers thead tr').innerText").split("\t")
    assert 0 < float(row[head.index("conditional reweighting")].split()[0]) < 1
    for name in ("latf", "MD", "MBAR"):
        assert row[head.index(name)].strip() == "–"
    dots = "[...document.querySelectorAll('.curve:not([hidden]) .dot')].filter(d => d.getAttribute('visibility') !== 'hidden')"
    fills = opened.run(f"{dots}.map(d => d.getAttribute('fill'))")
    assert set(fills) == {"#009e73", "#000000"}, "the answer, and the melting curve that was fitted to the MD"
    assert opened.run("document.querySelector('p.own').textContent") == ""


@pytest.mark.parametrize("stop", [0, 3, "last"])
def test_the_answer_on_the_page_is_the_row_of_the_grid(opened, page, stop):
    """As many digits as the interval allows, as the command line prints them."""
    rows = read_table(Path(page).parent / "validate" / "grid.csv", COLUMNS)
    temperatures = list(dict.fromkeys(row["temperature"] for row in rows))
    k = len(temperatures) - 1 if stop == "last" else stop
    assert opened.run("Number(document.getElementById('temperature').max)") == len(temperatures) - 1
    opened.run(SET.format(k))
    assert opened.run("document.querySelector('#explorer .shown').textContent") == f"T = {temperatures[k]}"
    shown = opened.run("[...document.querySelectorAll('#at tbody tr')].map(r => [...r.cells].map(c => c.textContent))")
    here = [row for row in rows if row["temperature"] == temperatures[k]]
    assert len(shown) == len(here)
    for row, cells in zip(here, shown, strict=True):
        value, low, high = (float(row[name]) for name in ("value", "low", "high"))
        digits = decimals(high - low)
        why = "; ".join(filter(None, (row["reason"], row["remedy"])))
        interval = f"{low:.{digits}f} to {high:.{digits}f}"
        assert cells == [row["state"], f"{value:.{digits}f}", interval, row["verdict"], why]


def test_a_latent_surface_says_its_own_temperature(opened):
    """The picture does not change between two stops that the same surface is nearest to; the title is part of it."""
    at = opened.run("JSON.parse(document.getElementById('explorer-data').textContent).bundles['latf/0'].latent.at")
    same = next(k for k in range(len(at) - 1) if at[k] == at[k + 1])
    other = next(k for k in range(len(at) - 1) if at[k] != at[k + 1])
    pictures = {}
    for k in {same, same + 1, other, other + 1}:
        opened.run(SET.format(k))
        pictures[k] = opened.run(PICTURES)
    assert pictures[same][HEAD] == pictures[same + 1][HEAD]
    assert pictures[other][HEAD] != pictures[other + 1][HEAD]
    assert pictures[same][1] != pictures[same + 1][1], "the answer's plane moves at every stop"


def test_keys_move_the_slider(opened):
    value = "Number(document.getElementById('temperature').value)"
    start = opened.run(value)
    opened.press("ArrowRight")
    assert opened.run(value) == start + 1
    opened.press("ArrowLeft")
    opened.press("ArrowLeft")
    assert opened.run(value) == start - 1
    opened.run("document.getElementById('temperature').focus()")
    opened.press("ArrowRight")
    assert opened.run(value) == start
    assert opened.run("document.querySelector('.shown').textContent") == "T = 0.3"
    opened.run("document.querySelector('canvas.viewer').focus()")
    before = opened.run("document.querySelector('canvas.viewer').toDataURL()")
    opened.press("ArrowRight")
    assert opened.run(value) == start, "there the keys turn the structure"
    assert opened.run("document.querySelector('canvas.viewer').toDataURL()") != before


@pytest.mark.parametrize(("control", "value"), [("model", "latf_published"), ("seed", "1")])
def test_another_model_or_seed_changes_the_maps_and_numbers(opened, control, value):
    before, numbers = opened.run(PICTURES), opened.run(TEXT)
    script = f"s => {{ s.value = '{value}'; s.dispatchEvent(new Event('change')); }}"
    opened.run(f"({script})(document.getElementById('{control}'))")
    opened.run(SETTLED)
    assert opened.run(PICTURES)[HEAD] != before[HEAD]
    assert bool(opened.run(PICTURES)[HEAD + 2]) == (value == "latf_published"), "a plane by weights of its own"
    assert opened.run(TEXT) != numbers
    assert opened.errors == []


def test_a_series_can_be_switched_off(opened):
    drawn = "document.querySelectorAll('.curve path[stroke=\"#e69f00\"]').length"
    assert opened.run(drawn) > 3
    opened.run("document.querySelector('.legend [data-series=mbar]').click()")
    assert opened.run(drawn) == 0


@pytest.mark.parametrize("width", [1400, 420])
def test_no_width_needs_sideways_scrolling(opened, width):
    opened.resize(width, 900)
    opened.run(SETTLED)
    assert opened.run("document.documentElement.scrollWidth") <= width
    outside = """[...document.querySelectorAll('#explorer *, #models *')].filter(e => !e.closest('.scroll') &&
      e.getBoundingClientRect().right > innerWidth + 1).length"""
    assert opened.run(outside) == 0


def test_paper_is_at_most_five_pages_with_the_verdicts(opened):
    opened.run("document.getElementById('rest').open = false")
    pdf = base64.b64decode(opened.call("Page.printToPDF")["data"])
    assert 1 <= len(re.findall(rb"/Type\s*/Page\b", pdf)) <= 5
    assert opened.run("document.getElementById('why').open") is True


def test_what_is_saved_is_the_answer_and_the_structures(opened, page):
    """The CSV has the grid's numbers, and the PDB is the file that generate wrote."""
    opened.run("URL.createObjectURL = (blob) => { window.saved = blob; return '#'; }")
    opened.run("document.getElementById('csv').click()")
    rows = list(csv.DictReader(io.StringIO(opened.run("window.saved.text()"))))
    grid = read_table(Path(page).parent / "validate" / "grid.csv", COLUMNS)
    assert [(r["temperature"], r["state"], r["verdict"]) for r in rows] == [
        (r["temperature"], r["state"], r["verdict"]) for r in grid
    ]
    for row, own in zip(rows, grid, strict=True):
        for name, other in (("population", "value"), ("low", "low"), ("high", "high")):
            assert float(row[name]) == pytest.approx(float(own[other]), rel=1e-4)
    opened.run("document.getElementById('pdb').click()")
    opened.run(SETTLED)
    medoids = Path(page).parent / "generate" / "latf" / "seed0" / "T0.3.medoids.pdb"
    assert opened.run("window.saved.text()") == medoids.read_text()


def test_populations_as_free_energies(opened):
    """The axis is -ln of p/(1 - p), and the dot moves with the slider."""
    opened.run("document.querySelector('[data-quantity=energy]').click()")
    labels = opened.run("[...document.querySelectorAll('#populations .tick')].map(t => t.textContent)")
    assert "free energy against the rest (kT)" in labels
    dot = "Number(document.querySelectorAll('#populations .dot')[0].getAttribute('cy'))"
    before = opened.run(dot)
    opened.run(SET.format(opened.run("document.getElementById('temperature').max")))
    assert opened.run(dot) != before
    assert opened.errors == []


@pytest.mark.parametrize("dimensions", [1, 3])
def test_other_numbers_of_latent_coordinates(browser, tmp_path, dimensions):
    study = make_study(dimensions=dimensions, reference=False)
    layout = write_study_files(study, tmp_path, [0], dimensions)
    write_blank_figures(study, layout)
    run_job("report", study, layout, seeds=[0])
    browser.events.clear()
    browser.open(layout.report)
    browser.run(OPEN)
    browser.run(SETTLED)
    before = browser.run(PICTURES)
    browser.run(SET.format(0))
    assert browser.run(PICTURES)[HEAD] != before[HEAD]
    assert browser.errors == []
