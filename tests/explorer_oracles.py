"""What the explorers' modules compute, written again with NumPy, SciPy and the package's own `school_evidence`."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.optimize import brentq

import ssmelsm_helpers as sm
from ssmelsm_helpers.explore.explorer import BrowserExplorer, Explorer, View

RATIOS = np.exp(np.linspace(np.log(0.4), np.log(2.5), 61))
SIZES = (5, 10, 20, 40, 71, 150, 300, 500)


def construction(constants, rho, pi, indicator, school, tau_u, tau_t, pull_1, pull_2) -> tuple[dict, str]:
    z, slab = np.array(constants["z"]), np.array(constants["luck"]) < pi
    z[school - 1] += [pull_1, pull_2]
    factor = np.linalg.cholesky([[1.0, rho], [rho, 1.0]])
    tau, correlated = np.array([tau_u, tau_t]), z @ factor.T
    switched = np.column_stack([np.ones(len(z)), slab])
    in_force = tau * correlated * switched if indicator == "after L" else tau * ((z * switched) @ factor.T)
    clouds = {"z": z, "correlated": correlated, "scaled": tau * correlated, "in_force": in_force}
    schools = pd.DataFrame({"school": np.arange(1, len(z) + 1), "state": np.where(slab, "slab", "spike")})
    (var_u, cov), (_, var_t) = np.cov(clouds["scaled"].T)
    places = ("({:.2f}, {:.2f})".format(*(cloud[school - 1] + 0.0)) for cloud in clouds.values())
    path = "z = {}, L z = {} and tau L z = {} to v = {}".format(*places)
    spike = "exactly zero."
    if indicator != "after L" and rho != 0:
        spike = f"not zero: it is tau rho z1, up to {abs(in_force[~slab, 1]).max():.2f} in size."
    sentence = (
        f"Variance of u, variance of t, covariance after step 3: {var_u:.3f}, {var_t:.3f}, {cov:.3f} in these {len(z)} "
        f"schools; intended: {tau_u**2:.3f}, {tau_t**2:.3f}, {rho * tau_u * tau_t:.3f}. School {school} "
        f"({schools['state'][school - 1]}) goes from {path}. In the {sum(~slab)} schools of the spike t is {spike}"
    )
    return {name: schools.assign(x=cloud[:, 0], y=cloud[:, 1]) for name, cloud in clouds.items()}, sentence


def melsm(constants, tau_t, tau_u, eta, gamma) -> tuple[dict, str]:
    z, t, noise = (np.array(constants[name]) for name in ("z", "t", "noise"))
    sd, mean = np.exp(eta + tau_t * t), gamma + tau_u * z
    scores = mean[:, None] + sd[:, None] * noise
    common = np.sqrt(scores.var(axis=1, ddof=1).mean())
    alike = np.isclose(sd, np.exp(eta))
    own = np.select([alike, sd > np.exp(eta)], ["common SD", "own SD, larger"], "own SD, smaller")
    schools = pd.DataFrame({"school": np.arange(1, len(z) + 1), "mean": mean, "sd": sd, "own": own})
    schools = schools.assign(low=mean - sd, high=mean + sd, common_low=mean - common, common_high=mean + common)
    students = pd.DataFrame({"school": schools["school"].repeat(noise.shape[1]), "score": scores.ravel()})
    sentence = (
        f"A plain multilevel model would report one SD within schools: {common:.2f}. The schools' own SDs run from "
        f"{sd.min():.2f} to {sd.max():.2f}; {sum(sd > 1.2 * common)} of {len(z)} are more than 1.2 times the common one, "
        f"{sum(sd < common / 1.2)} less than 1 / 1.2 of it. exp(eta) = {np.exp(eta):.2f} is the SD of a school with t = 0. "
        f"Their expected scores run from {mean.min():.2f} to {mean.max():.2f}, around gamma = {gamma:g}."
    )
    return {"students": students, "schools": schools}, sentence


def spike_slab(constants, n, sd_ratio, tau_t, pi) -> tuple[dict, str]:
    known = {"tau_t": tau_t, "inclusion_prior": pi}
    here, average = sm.school_evidence(n, sd=sd_ratio, **known), sm.school_evidence(n, **known).inclusion
    t = np.linspace(-0.9, 0.9, 91)
    log_likelihood = -(n - 1) * t - 0.5 * (n - 1) * sd_ratio**2 * np.exp(-2 * t)
    rows = [(size, side, _asked(size, end, known)) for size in SIZES for side, end in SIDES.items()]
    asked = pd.DataFrame(rows, columns=["n", "side", "ratio"]).dropna().reset_index(drop=True)
    data = {
        "likelihood": pd.DataFrame({"t": t, "height": np.exp(log_likelihood - log_likelihood.max())}),
        "slab": pd.DataFrame({"t": t, "height": pi * np.exp(-0.5 * (t / tau_t) ** 2)}),
        "spike": pd.DataFrame({"t": [0], "height": [1 - pi]}),
        "curve": pd.DataFrame({"ratio": RATIOS, "pip": sm.school_evidence(n, sd=RATIOS, **known).inclusion}),
        "asked": asked,
        "here": pd.DataFrame({"n": [n], "ratio": [sd_ratio], "pip": [float(here.inclusion)]}),
    }
    above, below = _asked(n, 2.5, known), _asked(n, 0.4, known)
    limits = " or ".join(
        f"{word} {at:.2f}" for word, at in (("at most", below), ("at least", above)) if not np.isnan(at)
    )
    asks = f"A PIP of .75 asks for an SD ratio of {limits}." if limits else "No SD ratio from 0.4 to 2.5 reaches .75."
    asks += f" An ordinary school (ratio 1) has {average:.2f}."
    if average >= 0.75:
        asks = f"Here .75 asks for nothing: an ordinary school has a PIP of {average:.2f} already."
    factor = np.exp(here.log_bf)
    short = f"{factor:.2f}" if factor < 100 else f"{factor:,.0f}" if factor < 1e6 else "above a million"
    sentence = (
        f"{n} students, an SD {sd_ratio:g} times the common one, tau_t = {tau_t:g}, pi = {pi:g}: log Bayes factor "
        f"{here.log_bf:.2f}, Bayes factor {short}, PIP {here.inclusion:.2f}. {asks}"
    )
    return data, sentence


SIDES = {"more variable": 2.5, "less variable": 0.4}


def _asked(n, end, known) -> float:
    """The SD ratio at which a PIP of .75 is reached on the way from 1 to the end."""
    surplus = lambda log_ratio: float(sm.school_evidence(n, sd=np.exp(log_ratio), **known).log_bf) - limit  # noqa: E731
    limit = np.log(3) - np.log(known["inclusion_prior"] / (1 - known["inclusion_prior"]))
    if surplus(0.0) >= 0:
        return 1.0
    return np.nan if surplus(np.log(end)) < 0 else float(np.exp(brentq(surplus, 0.0, np.log(end), xtol=1e-12)))


ORACLES = {"construction": construction, "melsm": melsm, "spike_slab": spike_slab}


def filled(explorer: Explorer) -> dict:
    """The specification of an explorer, with the data and the signals of its start."""
    if isinstance(explorer, BrowserExplorer):
        data, _ = ORACLES[explorer.module.removesuffix(".js")](explorer.constants, **explorer.settings)
        view = View(data, {"followed": explorer.settings.get("school")}, "")
    else:
        view = explorer.view()
    spec = explorer.spec()
    params = [
        p | ({"value": view.signals[p["name"]]} if p["name"] in view.signals else {}) for p in spec.get("params", [])
    ]
    return spec | {"params": params, "datasets": spec.get("datasets", {}) | view.update()["data"]}
