"""The pictures of README and docs, from finished studies.

``python tools/draw_pictures.py FOLDER`` takes ``FOLDER/results`` with finished ``lj7``, ``alanine_dipeptide`` and
``hairpin_go``, and writes ``docs/images``; screenshots are by Chromium.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image

IMAGES = Path(__file__).parents[1] / "docs/images"
#: By picture: a command of thermolatent, or the report of a study, and the picture's width.
FIGURES = {
    "lj7": (("figure", "lj7", "populations", "--models", "latf"), 1200),
    "alanine_dipeptide": (("figure", "alanine_dipeptide", "populations", "--models", "latf"), 1200),
    "hairpin": (("figure", "hairpin_go", "populations", "--models", "latf"), 1000),
    "convergence": (("figure", "alanine_dipeptide", "convergence"), 1000),
    "states": (("states", "alanine_dipeptide", "--depth", "0.5"), 760),
}
REPORTS = {"report": "lj7", "report_alanine_dipeptide": "alanine_dipeptide"}
PAGE = (1400, 1370)  # pixels: the answer, and the heads of what is folded below it
CHROMIUM = ("--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--virtual-time-budget=8000")


def drawn(command: tuple[str, ...], folder: Path, out: Path) -> Path:
    """The PNG that a command of thermolatent draws."""
    picture = out / "states.png" if command[0] == "states" else out / f"{command[2]}.png"
    target = [f"--out={picture}"] if command[0] == "states" else [f"--out={out}", "--format=png"]
    subprocess.run([sys.executable, "-m", "thermolatent.cli", *command, *target], cwd=folder, check=True)
    return picture


def screenshot(report: Path, out: Path) -> Path:
    """The top of a report as a browser shows it."""
    browser = next((path for name in ("chromium", "google-chrome") if (path := shutil.which(name))), None)
    if browser is None:
        raise SystemExit("no chromium on PATH: make test-report installs Debian's")
    path = out / "page.png"
    size = ",".join(map(str, PAGE))
    subprocess.run(
        [browser, *CHROMIUM, f"--window-size={size}", f"--screenshot={path}", report.resolve().as_uri()],
        check=True,
        capture_output=True,
    )
    return path


def save(picture: Path, name: str, width: int) -> None:
    """In 256 colours and no wider than ``width``, which keeps it below 100 kB."""
    image = Image.open(picture).convert("RGB")
    if image.width > width:
        image = image.resize((width, round(image.height * width / image.width)), Image.Resampling.LANCZOS)
    path = IMAGES / f"{name}.png"
    image.quantize(256, kmeans=3, dither=Image.Dither.NONE).save(path, optimize=True)
    print(f"{path}: {image.width} x {image.height}, {path.stat().st_size / 1024:.0f} kB")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="where results/ is")
    parser.add_argument("--only", nargs="+", choices=[*FIGURES, *REPORTS], default=[*FIGURES, *REPORTS])
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as out:
        for name in options.only:
            if name in FIGURES:
                command, width = FIGURES[name]
                save(drawn(command, options.folder, Path(out)), name, width)
            else:
                report = options.folder / "results" / REPORTS[name] / "report.html"
                save(screenshot(report, Path(out)), name, 1100)


if __name__ == "__main__":
    main()
