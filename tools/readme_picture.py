"""Draw the README's picture, book/_static/saeb-v.png: `python tools/readme_picture.py`."""

from __future__ import annotations

import json
from pathlib import Path

import vl_convert

import ssmelsm_helpers as sm

TARGET = Path(__file__).resolve().parent.parent / "book" / "_static" / "saeb-v.png"


def main() -> None:
    """Fit the Saeb schools and save the V, without its slider."""
    fit = sm.fit_schools(sm.load_saeb_schools(), sampler="importance", random_seed=1, progressbar=False)
    spec = sm.plot.funnel(fit).to_dict()
    TARGET.write_bytes(vl_convert.vegalite_to_png(json.dumps(spec), scale=1))


if __name__ == "__main__":
    main()
