"""Studies: the same table whoever computes it, in whatever order, however often it is killed."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import study_parts

import ssmelsm_helpers as sm
from ssmelsm_helpers.study.runs import seed_of

HERE = Path(__file__).parents[1]
OPTIONS = {"replications": 8, "random_seed": 11, "progressbar": False}


@pytest.fixture(scope="module")
def expected() -> pd.DataFrame:
    """The table of an unbroken serial run."""
    return sm.study.run(study_parts.design(), **OPTIONS)


def test_a_replication_can_be_repeated_alone(expected):
    row = expected.iloc[13]
    condition = study_parts.design().condition(int(row["condition"]))
    again = study_parts.replicate(condition, int(row["seed"]))
    assert again == {name: row[name] for name in again}
    assert row["seed"] == seed_of(11, int(row["condition"]), int(row["replication"]))
    assert expected["seed"].is_unique
    assert expected["error"].isna().all()


def test_processes_give_the_same_table(expected):
    with ProcessPoolExecutor(2) as executor:
        pd.testing.assert_frame_equal(sm.study.run(study_parts.design(), executor=executor, **OPTIONS), expected)


class Backwards(Executor):
    """Finishes the last first."""

    def __init__(self):
        self.waiting = []

    def submit(self, function, /, *args):
        future = Future()
        self.waiting.append((future, function, args))
        if len(self.waiting) == 24:
            for one, call, arguments in reversed(self.waiting):
                one.set_result(call(*arguments))
        return future


def test_the_order_does_not_matter(expected):
    pd.testing.assert_frame_equal(sm.study.run(study_parts.design(), executor=Backwards(), **OPTIONS), expected)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning", "ignore::UserWarning")
def test_a_cluster_that_loses_a_worker_gives_the_same_table(tmp_path):
    """Dask, two workers on 127.0.0.1 in processes of their own; one is killed midway."""
    distributed = pytest.importorskip("distributed", reason="dask[distributed] is not installed")
    slow = study_parts.design(pause=0.1)
    serial = sm.study.run(study_parts.design(), **OPTIONS)
    options = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": None, "host": "127.0.0.1"}
    with (
        distributed.LocalCluster(processes=True, local_directory=str(tmp_path), silence_logs=50, **options) as cluster,
        distributed.Client(cluster) as client,
    ):
        client.run(sys.path.append, str(HERE))
        victim = next(iter(client.run(os.getpid).values()))
        with ThreadPoolExecutor(1) as watch:
            killer = watch.submit(lambda: (time.sleep(0.5), os.kill(victim, signal.SIGKILL)))
            found = sm.study.run(slow, executor=client.get_executor(), **OPTIONS)
            killer.result()
    pd.testing.assert_frame_equal(found.drop(columns="pause"), serial.drop(columns="pause"))


SCRIPT = """
import sys
sys.path.insert(0, {here!r})
import study_parts, ssmelsm_helpers as sm
from concurrent.futures import ProcessPoolExecutor
with ProcessPoolExecutor(2) as executor:
    sm.study.run(study_parts.design(pause=0.08), replications=8, random_seed=11, executor=executor,
                 resume={resume!r}, progressbar=False)
"""


@pytest.mark.slow
def test_a_study_killed_three_times_ends_with_the_same_table(tmp_path):
    """SIGKILL at random moments, between the first and the last replication; nothing finished is computed again."""
    path = tmp_path / "study.jsonl"
    code = SCRIPT.format(here=str(HERE), resume=str(path))
    moments, finished = random.Random(3), 0
    for _ in range(3):
        process = subprocess.Popen([sys.executable, "-c", code], start_new_session=True)
        wanted = finished + 1 + moments.randrange(5)
        while path.read_bytes().count(b"\n") < 1 + wanted if path.exists() else True:
            assert process.poll() is None
            time.sleep(0.01)
        time.sleep(moments.random() * 0.08)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        lines = path.read_bytes().count(b"\n") - 1
        assert finished < lines < 24
        finished = lines
    found = sm.study.run(study_parts.design(pause=0.08), resume=path, **OPTIONS)
    pd.testing.assert_frame_equal(found, sm.study.run(study_parts.design(pause=0.08), **OPTIONS))
    jobs = [line.split(b'"seed"')[0] for line in path.read_bytes().splitlines()[1:]]
    assert len(jobs) == len(set(jobs)) == 24


def test_half_a_line_is_not_a_finished_replication(tmp_path, expected):
    path = tmp_path / "study.jsonl"
    sm.study.run(study_parts.design(), resume=path, **OPTIONS)
    path.write_bytes(path.read_bytes()[:-30])
    pd.testing.assert_frame_equal(sm.study.run(study_parts.design(), resume=path, **OPTIONS), expected)


def test_a_finished_study_is_not_computed_again_and_can_be_extended(tmp_path, expected, monkeypatch):
    path = tmp_path / "study.jsonl"
    few = sm.study.run(study_parts.design(), resume=path, **(OPTIONS | {"replications": 5}))
    assert len(few) == 15
    pd.testing.assert_frame_equal(sm.study.run(study_parts.design(), resume=path, **OPTIONS), expected)
    nothing = sm.study.Design("small", study_parts.design().conditions, lambda *_: pytest.fail("computed again"))
    pd.testing.assert_frame_equal(sm.study.run(nothing, resume=path, **OPTIONS), expected)


def test_failures_are_recorded_with_their_seed(tmp_path):
    path = tmp_path / "study.jsonl"
    design = study_parts.design(fails=True)
    with pytest.warns(RuntimeWarning, match=r"\d of 24 replications failed; the first with seed \d+: ArithmeticError"):
        table = sm.study.run(design, resume=path, **OPTIONS)
    failed = table["seed"] % 3 == 0
    assert 0 < failed.sum() < 24
    assert table.loc[failed, "error"].str.startswith("ArithmeticError: seed").all()
    assert table.loc[failed, "mean_sd"].isna().all()
    assert table.loc[~failed, "mean_sd"].notna().all()
    with pytest.warns(RuntimeWarning, match="replications failed"):
        pd.testing.assert_frame_equal(sm.study.run(design, resume=path, **OPTIONS), table)


def die(_condition, _seed):
    os.kill(os.getpid(), signal.SIGKILL)


def test_an_executor_without_workers_is_an_error(tmp_path):
    design = sm.study.Design("deadly", pd.DataFrame({"a": [1]}), die)
    with (
        ProcessPoolExecutor(1) as executor,
        pytest.raises(RuntimeError, match=r"the executor failed .BrokenProcessPool"),
    ):
        sm.study.run(design, executor=executor, replications=2, random_seed=1, progressbar=False)


def test_what_processes_cannot_import_is_an_error():
    design = sm.study.Design("local", pd.DataFrame({"a": [1]}), lambda condition, seed: {"b": 1})
    with (
        ProcessPoolExecutor(1) as executor,
        pytest.raises(RuntimeError, match=r"the executor failed .*([Pp]ickl|local object)"),
    ):
        sm.study.run(design, executor=executor, replications=2, random_seed=1, progressbar=False)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"replications": 0}, "replications must be a whole number of at least 1; found 0"),
        ({"random_seed": None}, "random_seed must be a whole number, so that the study can be repeated; found None"),
        ({"random_seed": -1}, "random_seed must be None or a whole number"),
        ({"replications": 10**30}, "replications must be a whole number of at most 100,000,000"),
    ],
)
def test_malformed_calls(change, message):
    options = {"design": study_parts.design()} | OPTIONS | change
    with pytest.raises((ValueError, TypeError), match=message):
        sm.study.run(options.pop("design"), **options)


@pytest.mark.parametrize(
    ("result", "message"),
    [
        (None, "TypeError: replicate must return a dict of numbers or texts; found None"),
        ({"hits": [1, 2]}, "TypeError: replicate must return a dict of numbers or texts; found {'hits': [1, 2]}"),
        ({"hits": np.ones(2)}, "TypeError: replicate must return a dict of numbers or texts; found {'hits': array("),
        ({"p": 1}, "ValueError: replicate must return names other than the columns ['condition', 'error', 'p',"),
        ({"seed": 1}, "ValueError: replicate must return names other than the columns"),
        ({3: 1}, "ValueError: replicate must return names other than the columns"),
    ],
)
def test_a_malformed_result_is_that_replications_failure(result, message, tmp_path):
    def replicate(condition, seed):
        return result if condition["p"] else {"hits": 1}

    design = sm.study.Design("two", pd.DataFrame({"p": [0, 1]}), replicate)
    options = {"replications": 1, "random_seed": np.int64(1), "resume": tmp_path / "study.jsonl", "progressbar": False}
    with pytest.warns(RuntimeWarning, match="1 of 2 replications failed"):
        table = sm.study.run(design, **options)
    assert table["p"].tolist() == [0, 1]
    assert table["hits"][0] == 1
    assert table["error"][1].startswith(message)


@pytest.mark.parametrize("table", [None, pd.DataFrame({"a": [1]})])
def test_summaries_of_something_else(table):
    for summarise in (sm.study.summarise, sm.study.calibration_table):
        with pytest.raises((TypeError, ValueError), match="table must be a study's"):
            summarise(table)


def test_a_resume_file_of_something_else_is_refused_and_kept(tmp_path):
    path = tmp_path / "study.jsonl"
    sm.study.run(study_parts.design(), resume=path, **OPTIONS)
    before = path.read_bytes()
    with pytest.raises(ValueError, match=r"resume='.*study.jsonl' must be a file of this study"):
        sm.study.run(study_parts.design(), resume=path, **(OPTIONS | {"random_seed": 12}))
    assert path.read_bytes() == before
    other = tmp_path / "notes.txt"
    other.write_text("My notes\nof today, unfinished")
    with pytest.raises(ValueError, match="must be a file of this study"):
        sm.study.run(study_parts.design(), resume=other, **OPTIONS)
    assert other.read_text() == "My notes\nof today, unfinished"


@pytest.mark.parametrize(
    ("conditions", "message"),
    [
        (pd.DataFrame(), "conditions must be a data frame with at least one row"),
        ([1, 2], "conditions must be a data frame"),
        (pd.DataFrame({"seed": [1]}), "conditions must have columns of different names"),
        (pd.DataFrame([[1, 2]], columns=["p", "p"]), "conditions must have columns of different names"),
        (pd.DataFrame([[1, 2]], columns=[1, "1"]), "conditions must have columns of different names"),
    ],
)
def test_malformed_designs(conditions, message):
    with pytest.raises(ValueError, match=message):
        sm.study.Design("x", conditions, study_parts.replicate)


# The published study


@pytest.fixture(scope="module")
def published() -> pd.DataFrame:
    """Four conditions of the published study, eight replications each."""
    whole = sm.study.published()
    conditions = whole.conditions.query("n_students == 75 and n_schools == 50 and sd_slab in (0.312, 0.901)")
    few = sm.study.Design(whole.name, conditions[conditions["p_slab"].isin([0.0, 0.25])], whole.replicate)
    return sm.study.run(few, replications=8, random_seed=5, progressbar=False)


def test_the_study_has_the_published_conditions():
    conditions = sm.study.published().conditions
    assert len(conditions) == 144
    assert (conditions["p_slab"] > 0).sum() == 108
    assert conditions.drop_duplicates().shape == (144, 4)
    assert len(sm.study.unbalanced().conditions) == 64


def test_one_replication_against_a_fit_from_scratch(published):
    """Hits and false flags are those of `fit_schools` on the same schools, where no PIP is within its error of .75."""
    design = sm.study.published()
    row = published[published["p_slab"] == 0.25].iloc[-1]
    data = sm.simulate_schools(
        n_schools=50, n_students=75, eta=-0.25, tau_u=0.33, tau_t=row["sd_slab"], inclusion=0.25,
        random_seed=int(row["seed"]),
    )  # fmt: skip
    table = sm.pip_table(sm.fit_schools(data.schools, sampler="importance", random_seed=1, progressbar=False))
    deviates = data.truth["delta"] == 1
    assert (abs(table["pip"] - 0.75) > 0.02).all()
    flagged = table["pip"] >= 0.75
    assert row["hits"] == (flagged & deviates).sum()
    assert row["false_flags"] == (flagged & ~deviates).sum()
    assert row["deviating"] == deviates.sum()
    assert design.name == "published study"


def test_rates_are_what_they_are_called(published):
    found = sm.study.summarise(published).reset_index()
    assert found["replications"].eq(8).all()
    without = found[found["p_slab"] == 0]
    assert without["tpr"].isna().all()
    assert (without["fpr"] < 0.03).all()  # null conditions: .001 were published
    with_ = found[found["p_slab"] > 0].set_index("sd_slab")
    one = published[(published["p_slab"] == 0.25) & (published["sd_slab"] == 0.901)]
    assert with_.loc[0.901, "tpr"] == pytest.approx((one["hits"] / one["deviating"]).mean())
    assert with_.loc[0.901, "tpr"] > with_.loc[0.312, "tpr"]
    matched = one["two_stage_matched_hits"] / one["deviating"]
    assert with_.loc[0.901, "two_stage_matched_tpr"] == pytest.approx(matched.mean())


def test_a_summary_is_by_the_study_s_own_conditions(published):
    """Whatever they are called; fewer can be asked for."""
    names = ["n_students", "n_schools", "p_slab", "sd_slab"]
    assert sm.study.summarise(published).index.names == names
    pd.testing.assert_frame_equal(sm.study.summarise(published), sm.study.summarise(published, names))
    whole = sm.study.unbalanced()
    few = sm.study.Design(whole.name, whole.conditions.iloc[[5, 60]], whole.replicate)
    table = sm.study.run(few, replications=2, random_seed=1, progressbar=False)
    found = sm.study.summarise(table)
    assert found.index.names == ["mean_students", *names[1:]]
    assert found["replications"].tolist() == [2, 2]
    assert sm.study.summarise(table, ["p_slab"]).index.tolist() == whole.conditions["p_slab"].iloc[[5, 60]].tolist()
    for by, message in (([], "by must name at least one column"), ("p_slab", "by must be a sequence of columns")):
        with pytest.raises((TypeError, ValueError), match=message):
            sm.study.summarise(table, by)
    with pytest.raises(ValueError, match=r"table must be a study's, with the columns \['condition'\]"):
        sm.study.summarise(table.drop(columns="condition"))


def test_calibration_counts_every_school(published):
    classes = sm.study.calibration_table(published, ["p_slab"])
    assert classes["schools"].sum() == published[["deviating", "ordinary"]].to_numpy().sum()
    inside = classes[classes["schools"] > 0]
    assert (inside["mean_pip"] >= inside["low"]).all()
    assert (inside["mean_pip"] <= inside["high"]).all()


def test_committed_results_are_whole():
    """100 replications of every condition, none failed; averages like those published: TPR .705, FPR .019."""
    table = sm.study.load("published")
    assert len(table) == 144
    assert (table["replications"] == 100).all()
    assert (table["failed"] == 0).all()
    deviating = table[table["p_slab"] > 0]
    assert deviating["tpr"].mean() == pytest.approx(0.705, abs=0.02)
    assert deviating["fpr"].mean() == pytest.approx(0.019, abs=0.01)
    assert table.loc[table["p_slab"] == 0, "fpr"].mean() < 0.005
    np.testing.assert_allclose(deviating.groupby("sd_slab")["tpr"].mean(), [0.56, 0.67, 0.78, 0.82], atol=0.03)
    np.testing.assert_allclose(deviating.groupby("n_students")["tpr"].mean(), [0.64, 0.70, 0.78], atol=0.03)


# The two-stage method


def test_two_stages_recover_what_was_planted():
    """1,000 schools of 100 students, all t from one normal distribution: tau and mu within four standard errors."""
    data = sm.simulate_schools(n_schools=1000, n_students=100, eta=0.4, tau_t=0.3, inclusion=1.0, random_seed=1)
    found = sm.study.two_stage(data.schools)
    assert found.attrs["tau"] == pytest.approx(0.3, abs=4 * 0.3 / np.sqrt(2 * 1000) * 1.05)
    assert found.attrs["mu"] == pytest.approx(0.4, abs=4 * 0.31 / np.sqrt(1000))
    t = data.truth["t"].to_numpy()
    assert np.std((found["deviation"] - t) / found["deviation_sd"]) == pytest.approx(1.0, abs=0.1)


def test_two_stages_leave_single_students_out():
    schools = sm.simulate_schools(n_schools=6, n_students=[1, 4, 9, 16, 25, 1], random_seed=2).schools
    found = sm.study.two_stage(schools)
    assert list(found.index) == [2, 3, 4, 5]
    assert found.attrs["single_students"] == 2
    np.testing.assert_allclose(found["se"], 1 / np.sqrt(2 * np.array([3, 8, 15, 24])))
    np.testing.assert_allclose(found["log_sd"], np.log(schools["sd"].iloc[1:5]) + found["se"] ** 2)


def test_two_stages_with_equal_spreads_flag_nobody():
    """Where the SDs differ less than chance makes them, tau is zero, and so is every deviation."""
    schools = pd.DataFrame({"n": [20] * 6, "mean": np.arange(6.0), "sd": [1.0, 1.01, 0.99, 1.0, 1.02, 0.98]})
    found = sm.study.two_stage(schools)
    assert found.attrs["tau"] == 0
    assert (found["z"] == 0).all()
    assert not found["flagged"].any()


@pytest.mark.parametrize(
    ("sd", "message"),
    [
        ([1.0, 0.0, 2.0], "SDs above 0, whose logarithm is taken; found {1: 0.0}"),
        ([1.0, 2.0], "at least three schools with an SD; found 2"),
    ],
)
def test_two_stages_refuse(sd, message):
    schools = pd.DataFrame({"n": [5] * len(sd), "mean": [0.0] * len(sd), "sd": sd})
    with pytest.raises(ValueError, match=message):
        sm.study.two_stage(schools)


def test_half_a_header_is_a_study_not_begun(tmp_path, expected):
    """A kill within the first line leaves nothing to protect."""
    path = tmp_path / "study.jsonl"
    sm.study.run(study_parts.design(), resume=path, **OPTIONS)
    path.write_bytes(path.read_bytes()[:20])
    pd.testing.assert_frame_equal(sm.study.run(study_parts.design(), resume=path, **OPTIONS), expected)


def test_a_condition_that_always_fails_stays_in_the_summary(published):
    broken = published.assign(error=np.where(published["condition"] == published["condition"].iloc[0], "no", None))
    summary = sm.study.summarise(broken)
    assert len(summary) == len(sm.study.summarise(published))
    assert (summary.loc[summary["replications"] == 0, "failed"] > 0).all()
    assert (summary["replications"] == 0).sum() == 1
