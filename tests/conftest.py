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


LONG = (
    "test_chapters.py",
    "test_agreement.py",
    "test_covariates.py",
    "test_book.py",
    "test_browser.py",
)


def pytest_collection_modifyitems(items):
    """The longest first, so that two processes end together; the book after its chapters, whose outputs it takes."""
    items.sort(key=lambda item: LONG.index(item.path.name) if item.path.name in LONG else len(LONG))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """Which tests stay together, in `make test`.

    A module's tests share its fixtures; the modules that need the built book share that; a chapter can run anywhere.
    """
    from xdist.scheduler import LoadScopeScheduling

    class ByFixture(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            module = nodeid.split("::")[0]
            if module.endswith(("test_chapters.py", "test_live.py")):
                return nodeid
            # Two workers that build the book at the same time would take its pages from each other's tests.
            return "book" if "/test_browser" in module or module.endswith(("test_book.py", "test_room.py")) else module

    return ByFixture(config, log)
