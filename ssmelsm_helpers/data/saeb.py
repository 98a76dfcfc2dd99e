"""The Saeb data: 11,386 students of 160 Brazilian schools, and what remains of them offline."""

import os
import warnings
from concurrent.futures import Future
from functools import cache
from pathlib import Path
from threading import Thread

import pandas as pd

from .schools import students_from_summary

SHA256 = "3e9b6eedc8343f3d01d5e9f6f47bf603d9efecffac6d1892fc53ce98a5bf83f9"
URL = "https://raw.githubusercontent.com/consistentlyBetter/ivd/bbfedafcb007f60d980f8afce1d5903ef0a0c3a6/data/saeb.rda"
_PATIENCE = 4  # seconds for the first bytes, and between later ones
_PACKAGE = Path(__file__).resolve().parents[1]
_COLUMNS = {"school_id": int, "public": int, "student_ses": float, "math_proficiency": float, "location": int}


def data_folder() -> Path:
    """The repository's ``data/``, or, in an installed package, a cache of the user's."""
    import pooch

    checkout = _PACKAGE.parent / "data"
    ours = (_PACKAGE.parent / "pyproject.toml").is_file() and os.access(checkout, os.W_OK)
    return Path(os.environ.get("SSMELSM_DATA") or (checkout if ours else pooch.os_cache("ssmelsm_helpers")))


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
    path = _find_students(str(data_folder()))
    if path is None:
        students = students_from_summary(load_saeb_schools(), outcome="math_proficiency", covariate="student_ses")
        source = "a reconstruction from the school summaries"
    else:
        import rdata

        with warnings.catch_warnings():
            # The file holds a data.table; rdata reads it as the data frame it also is, and warns.
            warnings.filterwarnings("ignore", message="Missing constructor", category=UserWarning)
            students = rdata.read_rda(path)["saeb"].reset_index(drop=True)
        source = f"the {len(students):,} students of {path.name}"
    students = students[list(_COLUMNS)].astype(_COLUMNS)
    students.attrs |= {"reconstructed": path is None, "source": source}
    return students


def _download(path: Path) -> Path:
    """The checked file, unless nothing arrives: a name server or a proxy may never answer, and a class is waiting."""
    import pooch
    from tqdm.auto import tqdm

    outcome, bar = Future(), tqdm(desc=path.name, total=1, unit="B", unit_scale=True, leave=False, delay=1)

    def retrieve():
        try:
            # pooch checks a temporary file and moves it only when the checksum is right.
            downloader = pooch.HTTPDownloader(progressbar=bar, timeout=_PATIENCE)
            pooch.retrieve(URL, f"sha256:{SHA256}", path.name, path.parent, downloader=downloader)
            outcome.set_result(path)
        except Exception as error:
            outcome.set_exception(error)

    thread = Thread(target=retrieve, daemon=True)
    thread.start()
    thread.join(_PATIENCE)
    if thread.is_alive() and not bar.n:
        raise TimeoutError
    return outcome.result()


@cache
def _find_students(folder: str) -> Path | None:
    """Path of a checked file, or None, and why is printed; a failed download is not tried again."""
    import pooch
    import requests

    path = Path(folder) / "saeb.rda"
    if path.exists() and (found := pooch.file_hash(path)) != SHA256:
        raise ValueError(f"{path} is not the expected file: its SHA-256 is {found}, expected {SHA256}. Remove it.")
    pooch.get_logger().setLevel("WARNING")  # it would announce the download on stderr
    try:
        return path if path.exists() else _download(path)
    except (requests.RequestException, OSError) as error:
        problem = f"no download: {type(error).__name__}"
    except ValueError:
        problem = "what was downloaded is not the expected file; a Wi-Fi's login page, perhaps"
    print(
        f"load_saeb: the students' file is not here ({problem}). These are made-up students with the school summaries "
        "of the real ones: exact for the intercept-only model, approximate for models with SES."
    )
    return None
