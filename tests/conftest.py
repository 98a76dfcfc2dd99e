"""What several test modules share: the Saeb data, one fit of each sampler, the reference implementation's numbers."""

from pathlib import Path

import pandas as pd
import pytest

import ssmelsm_helpers as sm

REFERENCE = Path(__file__).parent / "reference"


@pytest.fixture(scope="session")
def saeb_schools() -> pd.DataFrame:
    """The 160 schools' summaries, which are committed."""
    return sm.load_saeb_schools()


@pytest.fixture(scope="session")
def saeb_students() -> pd.DataFrame:
    """The real students; where only a reconstruction can be had, the test has nothing to say."""
    students = sm.load_saeb()
    if students.attrs["reconstructed"]:
        pytest.skip("saeb.rda is neither in data/ nor to be downloaded: these are reconstructed students")
    return students


@pytest.fixture(scope="session")
def importance_fit(saeb_schools):
    """The Saeb schools by importance sampling, default draws."""
    return sm.fit_schools(saeb_schools, sampler="importance", random_seed=20, progressbar=False)


@pytest.fixture(scope="session")
def nuts_fit(saeb_schools):
    """The Saeb schools by NUTS, default draws."""
    return sm.fit_schools(saeb_schools, sampler="nuts", random_seed=21, progressbar=False)


@pytest.fixture(scope="session", params=["importance", "nuts"])
def either_fit(request):
    """Each of the two fits in turn."""
    return request.getfixturevalue(f"{request.param}_fit")


@pytest.fixture(scope="session")
def reference() -> dict[str, pd.DataFrame]:
    """Posterior summaries by the reference implementation: see reference/README.md."""
    return {
        "parameters": pd.read_csv(REFERENCE / "ivd_saeb_intercept_only_parameters.csv", index_col="param"),
        "schools": pd.read_csv(REFERENCE / "ivd_saeb_intercept_only_schools.csv", index_col="school_id"),
    }


@pytest.hookimpl(tryfirst=True)  # before xdist reads the marks
def pytest_collection_modifyitems(items):
    """Who runs where under `pytest -n 2 --dist loadgroup`, and in which order: the longest first.

    A module's tests share its fixtures, so they stay together; all that need the built book do, for it is built once.
    Each chapter can run anywhere.
    """
    for item in items:
        module = item.path.stem
        book = "site" in getattr(item, "fixturenames", ())
        alone = module == "test_chapters"
        item.add_marker(pytest.mark.xdist_group("book" if book else item.nodeid if alone else module))
    first = ["test_live", "test_agreement", "test_covariates", "test_chapters"]

    def order(item):
        if "site" in getattr(item, "fixturenames", ()):
            return -1
        return first.index(item.path.stem) if item.path.stem in first else len(first)

    items.sort(key=order)
