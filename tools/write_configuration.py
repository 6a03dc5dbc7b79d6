"""Write what is generated of the documentation: every key of a study file, and its JSON schema.

python tools/write_configuration.py
"""

from pathlib import Path

from study_reference import reference_text
from study_schema import schema_text

DOCS = Path(__file__).parents[1] / "docs" / "reference"

if __name__ == "__main__":
    (DOCS / "configuration.md").write_text(reference_text())
    (DOCS / "study.schema.json").write_text(schema_text())
