"""The collapsed posterior's density and gradient at one point, compiled as a whole: priors, covariance, schools.

Whatever it needs stands in one array of doubles, which a compiled sampler can be handed with the function's address: its
chains then run without the interpreter's lock. Parts (matrices) have names; the array begins with its length, and with the
place, the rows and the columns of each part.
"""

import math
from functools import cache

import numpy as np
from numba import carray, types

from .compiled import callback, compiled, helper
from .school_gradient import log_likelihood_and_gradient

# Priors, one a row (`Form`), of v = row @ x + shift; logit pi, whether it is learned, and the constants of prior and
# likelihood; rows and columns of partial correlations; students; mode and factor of the coordinates that NUTS moves in.
# (By NumPy: of each of Python's numbers a function is compiled once more.)
ROWS, FORMS, NUMBERS, PARTIALS, LOCATION, SCALE, EFFECTS, CELLS, STARTS, MODE, FACTOR = np.arange(11)
SHIFT, Q, A, N = range(4)
LOG_ODDS, LEARNED, CONSTANT, UNIT = range(4)


def packed(*parts) -> np.ndarray:
    """Matrices as one array."""
    values = [np.ravel(part).astype(float) for part in parts]
    ends = 1 + 3 * len(parts) + np.cumsum([len(part) for part in values])
    heads = [(end - np.size(part), *np.shape(part)) for end, part in zip(ends, parts, strict=True)]
    return np.concatenate([ends[-1:], np.ravel(heads), *values])


@helper
def part(data, which):
    at, rows, columns = int(data[1 + 3 * which]), int(data[2 + 3 * which]), int(data[3 + 3 * which])
    return data[at : at + rows * columns].reshape((rows, columns))


@helper
def students_in(data):
    """X, W and Z, columns first; the rows of the cells; each school's first row, and the number of all."""
    starts = part(data, STARTS)[0].astype(np.int64)
    return part(data, LOCATION), part(data, SCALE), part(data, EFFECTS), part(data, CELLS), starts


@helper
def _log_prior(rows, forms, x, gradient):
    """log prior density but for a constant; its gradient is added."""
    total = 0.0
    for i in range(len(rows)):
        v, q, a, n = forms[i, SHIFT], forms[i, Q], forms[i, A], forms[i, N]
        for k in range(len(x)):
            v += rows[i, k] * x[k]
        falling = math.exp(-abs(v))
        total += a * v - 0.5 * q * v * v - n * (max(v, 0.0) + math.log1p(falling))
        slope = a - q * v - n * (1.0 if v > 0 else falling) / (1 + falling)
        for k in range(len(x)):
            gradient[k] += rows[i, k] * slope
    return total


@helper
def factor_of(partials, x, tau, L):
    """SDs and the factor L of the correlations, set: as `EffectCovariance` has them; L is zero before."""
    for i in range(len(tau)):
        tau[i], L[i, i] = math.exp(x[i]), 1.0
    for at in range(len(partials)):
        i, j, p = int(partials[at, 0]), int(partials[at, 1]), math.tanh(x[len(tau) + at])
        L[i, j], L[i, i] = p * L[i, i], L[i, i] * math.sqrt(1 - p * p)


@helper
def constrain(partials, x, tau, L, slope, slab, spike):
    """The same, and what a school sees of them: E[u | z] / z, Cov(u | z) and Cov(u), z being standardised t."""
    factor_of(partials, x, tau, L)
    for i in range(len(slope)):
        slope[i] = 0.0
        for k in range(i + 1):
            slope[i] += tau[i] * L[i, k] * L[-1, k]
        for j in range(i + 1):
            spike[i, j] = 0.0
            for k in range(j + 1):
                spike[i, j] += tau[i] * L[i, k] * tau[j] * L[j, k]
            slab[i, j] = spike[i, j] - slope[i] * slope[j]
            spike[j, i], slab[j, i] = spike[i, j], slab[i, j]


@helper
def _pull_back(partials, x, tau, L, slope, by_slope, by_slab, by_spike, by_tau_t, gradient):
    """Gradient by log tau and the partial correlations' atanh, added, from that by what a school sees."""
    K, by_L = len(slope), np.zeros(L.shape)
    for i in range(K):
        by_mean = by_slope[i]
        for j in range(K):
            by_mean -= (by_slab[i, j] + by_slab[j, i]) * slope[j]
        for k in range(K):
            by = by_mean * L[K, k]
            by_L[K, k] += by_mean * tau[i] * L[i, k]
            for j in range(K):
                by += (by_slab[i, j] + by_slab[j, i] + by_spike[i, j] + by_spike[j, i]) * tau[j] * L[j, k]
            gradient[i] += by * tau[i] * L[i, k]
            by_L[i, k] += by * tau[i]
    gradient[K] += by_tau_t * tau[K]
    pull_back_partials(partials, x[K + 1 :], by_L, gradient[K + 1 :])


@helper
def pull_back_partials(partials, x, by_L, gradient):
    """Gradient by the partial correlations' atanh, added, from that by L, which is used up."""
    # Backwards: each p = L[i, j] / rest shortened what is left of row i, `rest`, to sqrt(1 - p^2) of it.
    for at in range(len(partials) - 1, -1, -1):
        i, j, p, rest = int(partials[at, 0]), int(partials[at, 1]), math.tanh(x[at]), 1.0
        for before in range(at):
            if partials[before, 0] == i:
                rest *= 1 / math.cosh(x[before])
        left = math.sqrt(1 - p * p)
        gradient[at] += rest * left * (by_L[i, j] * left - by_L[i, i] * p)
        by_L[i, i] = by_L[i, j] * p + by_L[i, i] * left


@compiled
def density(data, x, whole, null, gradient):
    """log posterior density, or, where not `whole`, log likelihood; its gradient is set. Where `null`, tau_t is zero."""
    students, partials, numbers = students_in(data), part(data, PARTIALS), part(data, NUMBERS)[0]
    X, W, Z, _, starts = students
    P, first, K, pi = len(X), len(X) + len(W), len(Z), len(x) - 1
    tau, L, slope = np.empty(K + 1), np.zeros((K + 1, K + 1)), np.empty(K)
    slab, spike = np.empty((K, K)), np.empty((K, K))
    constrain(partials, x[first:], tau, L, slope, slab, spike)
    log_odds = -np.inf if null else x[pi] if numbers[LEARNED] else numbers[LOG_ODDS]
    point = x[:P], x[P:first], slope, slab, spike, 0.0 if null else tau[K]
    found = log_likelihood_and_gradient(students, point, log_odds)
    log_p, by_gamma, by_eta, by_slope, by_slab, by_spike, by_tau_t, included = found
    for k in range(len(x)):  # not by slices, which take the compiler a second
        gradient[k] = by_gamma[k] if k < P else by_eta[k - P] if k < first else 0.0
    _pull_back(partials, x[first:], tau, L, slope, by_slope, by_slab, by_spike, by_tau_t, gradient[first:])
    if numbers[LEARNED]:
        gradient[pi] = included - (len(starts) - 1) / (1 + math.exp(-log_odds))
    if whole:
        log_p += _log_prior(part(data, ROWS), part(data, FORMS), x, gradient) + numbers[CONSTANT]
    return log_p + numbers[UNIT]


@cache
def callbacks():
    """Density and identity as functions that other compiled code calls: in standard coordinates, x = mode + factor @ them."""
    number, numbers = types.uint64, types.CPointer(types.double)

    @callback(types.int64(number, numbers, numbers, numbers, types.voidptr))
    def in_standard(size, standard, gradient, log_p, data):
        known = carray(data, (int(carray(data, (1,), np.float64)[0]),), np.float64)
        at, found, value = carray(standard, (size,)), carray(gradient, (size,)), carray(log_p, (1,))
        factor, x, by_x = part(known, FACTOR), part(known, MODE)[0].copy(), np.empty(size)
        for i in range(size):
            for k in range(size):
                x[i] += factor[i, k] * at[k]
        # Not literals: the density would be compiled once more.
        value[0] = density(known, x, np.bool_(True), np.bool_(False), by_x)
        finite = np.isfinite(value[0])
        for k in range(size):
            found[k] = 0.0
            for i in range(size):
                found[k] += factor[i, k] * by_x[i]
            finite = finite and np.isfinite(found[k])
        return 0 if finite else 1

    @callback(types.int64(number, number, numbers, numbers, types.voidptr))
    def unchanged(size, _size, standard, out, _data):
        carray(out, (size,))[:] = carray(standard, (size,))
        return 0

    return in_standard, unchanged
