"""The Saeb data: 11,386 students of 160 Brazilian schools, and what remains of them offline.

``python -m ssmelsm_helpers.data.saeb`` writes ``data/saeb_schools.csv`` from the students.
"""

from __future__ import annotations

import hashlib
import os
import warnings
from functools import cache
from pathlib import Path

import pandas as pd

from .schools import students_from_summary
from .summaries import summarise_schools

SHA256 = "3e9b6eedc8343f3d01d5e9f6f47bf603d9efecffac6d1892fc53ce98a5bf83f9"
URL = "https://raw.githubusercontent.com/consistentlyBetter/ivd/bbfedafcb007f60d980f8afce1d5903ef0a0c3a6/data/saeb.rda"
_PACKAGE = Path(__file__).resolve().parents[1]
_COLUMNS = ["school_id", "public", "student_ses", "math_proficiency", "location"]


def data_folder() -> Path:
    """The repository's ``data/``, or, in an installed package, a cache of the user's."""
    if chosen := os.environ.get("SSMELSM_DATA"):
        return Path(chosen)
    checkout = _PACKAGE.parent / "data"
    if (_PACKAGE.parent / "pyproject.toml").is_file() and os.access(checkout, os.W_OK):
        return checkout
    import pooch

    return Path(pooch.os_cache("ssmelsm_helpers"))


def committed_table(folder: str, name: str) -> Path:
    """A committed table: in the repository's folder, or, in an installed package, in ``_data``."""
    packaged = _PACKAGE / "_data" / name
    return packaged if packaged.is_file() else _PACKAGE.parent / folder / name


def load_saeb_schools() -> pd.DataFrame:
    """Summaries of the 160 Saeb schools; needs no network.

    Returns
    -------
    pandas.DataFrame
        Indexed by ``school_id``: ``n``, ``mean``, ``sd`` (mathematics, standardised),
        ``student_ses_mean``, ``student_ses_sd``, ``student_ses_cor`` (within-school correlation with
        mathematics), ``public`` (1 public, 0 private), ``location`` (1 urban, 2 rural). SDs and correlation are NaN
        for the school with a single student.

    Examples
    --------
    >>> schools = load_saeb_schools()
    >>> len(schools), int(schools["n"].sum())
    (160, 11386)
    """
    return pd.read_csv(committed_table("data", "saeb_schools.csv"), index_col="school_id")


def load_saeb() -> pd.DataFrame:
    """The Saeb students, or, where they cannot be had, students with the same school summaries.

    The file is looked for in ``data/`` (or ``$SSMELSM_DATA``), then downloaded once from the `ivd` package's
    repository at a fixed commit and checked by its SHA-256. Without file and network, the
    students are made up from `load_saeb_schools`: exact for the intercept-only model, approximate
    for models with SES. It says so once, and marks the result.

    Returns
    -------
    pandas.DataFrame
        11,386 rows: ``school_id``, ``public``, ``student_ses``, ``math_proficiency``, ``location``.
        ``attrs["reconstructed"]`` is True for made-up students; ``attrs["source"]`` says it in words.

    Raises
    ------
    ValueError
        The file in ``data/`` is not the expected one (it is left as it is).

    Examples
    --------
    >>> students = load_saeb()  # doctest: +SKIP
    >>> students.attrs["source"]  # doctest: +SKIP
    'the 11,386 students of saeb.rda'
    """
    path, problem = _find_students(str(data_folder()))
    if path is None:
        students = _reconstruct()
        students.attrs |= {"reconstructed": True, "source": "a reconstruction from the school summaries"}
        _say_once(problem)
    else:
        students = _read(path)
        students.attrs |= {"reconstructed": False, "source": f"the {len(students):,} students of {path.name}"}
    return students


@cache
def _say_once(problem: str) -> None:
    print(
        f"load_saeb: the students' file is not here ({problem}). These are made-up students with the school summaries "
        "of the real ones: exact for the intercept-only model, approximate for models with SES."
    )


@cache
def _find_students(folder: str) -> tuple[Path | None, str]:
    """Path of a checked file, or None and the reason; a failed download is not tried again."""
    path = Path(folder) / "saeb.rda"
    if path.exists():
        found = hashlib.sha256(path.read_bytes()).hexdigest()
        if found != SHA256:
            raise ValueError(f"{path} is not the expected file: its SHA-256 is {found}, expected {SHA256}. Remove it.")
        return path, ""
    import pooch
    import requests

    pooch.get_logger().setLevel("WARNING")  # it would announce the download on stderr
    try:
        # pooch checks a temporary file and moves it only when the checksum is right.
        downloader = pooch.HTTPDownloader(progressbar=True, timeout=20)
        got = pooch.retrieve(URL, f"sha256:{SHA256}", fname=path.name, path=folder, downloader=downloader)
    except (requests.RequestException, OSError) as error:
        return None, f"no download: {type(error).__name__}"
    except ValueError:
        return None, "what was downloaded is not the expected file; a Wi-Fi's login page, perhaps"
    return Path(got), ""


def _read(path: Path) -> pd.DataFrame:
    import rdata

    with warnings.catch_warnings():
        # The file holds a data.table; rdata reads it as the data frame it also is, and warns.
        warnings.filterwarnings("ignore", message="Missing constructor", category=UserWarning)
        table = rdata.read_rda(path)["saeb"]
    integers = dict.fromkeys(("school_id", "public", "location"), int)
    return table[_COLUMNS].astype(integers | {"student_ses": float, "math_proficiency": float}).reset_index(drop=True)


def _reconstruct() -> pd.DataFrame:
    students = students_from_summary(load_saeb_schools(), outcome="math_proficiency", covariate="student_ses")
    return students[_COLUMNS]


def make_saeb_schools(students: pd.DataFrame) -> pd.DataFrame:
    """The committed table of school summaries, from the students."""
    by_school = students.groupby("school_id")
    schools = summarise_schools(students, outcome="math_proficiency", school="school_id")
    schools["student_ses_mean"] = by_school["student_ses"].mean()
    schools["student_ses_sd"] = by_school["student_ses"].std()
    columns = ["student_ses", "math_proficiency"]
    # A school of one student has no correlation.
    cor = {label: group[columns].corr().iloc[0, 1] for label, group in by_school if len(group) > 1}
    schools["student_ses_cor"] = pd.Series(cor).reindex(schools.index)
    for name in ("public", "location"):
        if (by_school[name].nunique() != 1).any():
            raise ValueError(f"{name} differs between students of one school; it is expected to be a school's.")
        schools[name] = by_school[name].first()
    return schools


if __name__ == "__main__":
    students = load_saeb()
    if students.attrs["reconstructed"]:
        raise SystemExit("saeb.rda is needed to write the summaries: put it into data/.")
    target = _PACKAGE.parent / "data" / "saeb_schools.csv"
    make_saeb_schools(students).to_csv(target)
    print(f"wrote {target}")
