r"""What a school's students say given its effects v = (u, t), the indicators summed out: value and gradient, compiled.

With residuals r_i = ybar_i - x_i'gamma - z_i'u and weights w_i = exp(-2 (w_i'eta + s_i't)), n_i students of the same
covariates, with mean ybar_i and squared deviations Q_i from it, have the log likelihood

.. math::  -n_i \log \sigma_i - (n_i r_i^2 + Q_i) w_i / 2 - n_i \log(2 \pi) / 2,

and one student of the Student-t family, whose SD sigma is, has

.. math::  \log c(\nu) - \log \sigma_i - (\nu + 1) / 2 \, \log(1 + r_i^2 w_i / (\nu - 2)).

The indicators' configurations are numbered as binary numbers are, the last effect's being the last digit. One more
location effect takes z_i u from every r_i, one more scale effect multiplies every w_i by exp(-2 s_i t): R + 1
exponentials per student serve all 2^R configurations.

Arguments that belong together are tuples: `students` (columns of X, W, Z, S, then n, ybar, Q; rows in the order of the
schools), `indicators` (the selected effects, which effects are in force in each configuration, log prior of each),
`known` (gamma, eta, nu; an infinite nu is the normal family), `scratch` (`room_for`).
"""

import math

import numpy as np

from .compiled import compiled, helper
from .school_density import factor_of, pull_back_partials

_LOG_2PI = math.log(2 * math.pi)


@helper
def product(a, b):
    """sum_k a_k b_k."""
    total = 0.0
    for k in range(len(a)):
        total += a[k] * b[k]
    return total


@helper
def add(total, columns, coefficients, first, size):
    """total_i += sum_k coefficients_k columns_ki."""
    for k in range(len(coefficients)):
        coefficient = coefficients[k]
        for i in range(size):
            total[i] += coefficient * columns[k, first + i]


@helper
def sum_of(source, columns, k, first, size):
    """sum_i source_i columns_ki."""
    total = 0.0
    for i in range(size):
        total += source[i] * columns[k, first + i]
    return total


@helper
def room_for(starts, configurations):
    """Per configuration log p(y_j, c | v) and its slope by nu; per student two rows for each configuration, and two more."""
    return np.empty(configurations), np.empty(configurations), np.empty((2 * configurations + 2, np.diff(starts).max()))


@helper
def normal(n, sum_squares, r, w, first, size):
    """Log likelihood but for log sigma and constants; r and w become its slopes by mu and log sigma."""
    total = 0.0
    for i in range(size):
        pull = n[first + i] * r[i] * w[i]
        square = pull * r[i] + sum_squares[first + i] * w[i]
        total -= 0.5 * square
        r[i], w[i] = pull, square - n[first + i]
    return total


@helper
def student(nu, r, w, size):
    """The same of Student-t errors, and its slope by nu."""
    total = by_nu = 0.0
    for i in range(size):
        square = r[i] * r[i] * w[i] / (nu - 2)
        log, share = math.log1p(square), (nu + 1) / (nu - 2) / (1 + square)
        total -= 0.5 * (nu + 1) * log
        by_nu += 0.5 * (share * square - log)
        pull = share * r[i] * w[i]
        r[i], w[i] = pull, pull * r[i] - 1
    return total, by_nu


@helper
def one_more_effect(columns, k, n, u, t, first, size, configurations, joint, rows):
    """Beside each of the first configurations, the one that differs by the effect of a column: u or t, the other is 0."""
    last_s, f, total, factor = np.nan, 1.0, 0.0, rows[len(rows) - 1]
    for i in range(size):
        s = columns[k, first + i]
        total += n[first + i] * s
        if s != last_s:  # an intercept needs one exponential
            last_s, f = s, math.exp(-2 * s * t)
        factor[i] = f
    for c in range(configurations):
        on = configurations + c
        r, w, r_on, w_on = rows[2 * c], rows[2 * c + 1], rows[2 * on], rows[2 * on + 1]
        joint[on] = joint[c] - total * t
        for i in range(size):
            r_on[i] = r[i] - u * columns[k, first + i]
            w_on[i] = w[i] * factor[i]


@helper
def each_configuration(students, first, size, indicators, known, v, scratch):
    """Fill `scratch`: of configuration c, rows 2 c and 2 c + 1 are the slopes by the students' mu and log sigma."""
    (X, W, Z, S, n, mean, sum_squares), (selected, on, log_prior), (gamma, eta, nu) = students, indicators, known
    (joint, by_nu, rows), K, always = scratch, len(Z), v * on[0]
    r, w, count, volume = rows[0], rows[1], 0.0, 0.0
    for i in range(size):
        r[i] = w[i] = 0.0
    add(r, X, gamma, first, size)
    add(r, Z, always[:K], first, size)
    add(w, W, eta, first, size)
    add(w, S, always[K:], first, size)
    for i in range(size):
        r[i] = mean[first + i] - r[i]
        count += n[first + i]
        volume += n[first + i] * w[i]
    for i in range(size):
        w[i] = math.exp(-2 * w[i])
    joint[0], configurations = -volume, 1
    for k in selected[::-1]:
        if k < K:
            one_more_effect(Z, k, n, v[k], 0.0, first, size, configurations, joint, rows)
        else:
            one_more_effect(S, k - K, n, 0.0, v[k], first, size, configurations, joint, rows)
        configurations *= 2
    constant = -0.5 * _LOG_2PI
    if nu < math.inf:
        constant = math.lgamma((nu + 1) / 2) - math.lgamma(nu / 2) - 0.5 * math.log((nu - 2) * math.pi)
    for c in range(configurations):
        r, w = rows[2 * c], rows[2 * c + 1]
        log_p, by_nu[c] = student(nu, r, w, size) if nu < math.inf else (normal(n, sum_squares, r, w, first, size), 0.0)
        joint[c] += log_prior[c] + log_p + count * constant


@helper
def school(students, first, size, indicators, known, v, scratch, by_gamma, by_eta, by_v, included):
    """log p(y_j | v), and its slope by nu but for the constant's.

    To by_gamma and by_eta its gradients are added, to included (C,) the configurations' posterior probabilities; by_v
    becomes its gradient by v.
    """
    each_configuration(students, first, size, indicators, known, v, scratch)
    (X, W, Z, S), on, (joint, each_by_nu, rows) = students[:4], indicators[1], scratch
    peak, total, by_nu = joint.max(), 0.0, 0.0
    for value in joint:
        total += math.exp(value - peak)
    log_p, K, by_mu, by_log_sigma = peak + math.log(total), len(Z), rows[len(rows) - 2], rows[len(rows) - 1]
    by_v[:] = 0.0
    for i in range(size):
        by_mu[i] = by_log_sigma[i] = 0.0
    for c in range(len(on)):  # means over the configurations
        p, mu, log_sigma = math.exp(joint[c] - log_p), rows[2 * c], rows[2 * c + 1]
        included[c] += p
        by_nu += p * each_by_nu[c]
        for i in range(size):
            by_mu[i] += p * mu[i]
            by_log_sigma[i] += p * log_sigma[i]
        for k in range(len(v)):
            if on[c, k]:
                by_v[k] += p * (sum_of(mu, Z, k, first, size) if k < K else sum_of(log_sigma, S, k - K, first, size))
    for k in range(len(by_gamma)):
        by_gamma[k] += sum_of(by_mu, X, k, first, size)
    for k in range(len(by_eta)):
        by_eta[k] += sum_of(by_log_sigma, W, k, first, size)
    return log_p, by_nu


@compiled
def all_schools(students, starts, indicators, known, partials, effects, around, coordinates):
    """log p(y, v) of all schools; gradients by gamma, eta, nu (but the constant's), effects and coordinates; included (C,).

    `effects` are log tau and the partial correlations' atanh; v = root z with root = diag(tau) L and standard Normal z. Of a
    school's coordinates (M,) the first are v + around gamma, as many as around (J, ., P) has rows for it; the others are z.
    `starts` are the schools' first rows, and the number of all.
    """
    (J, M), centred, (gamma, eta, _nu), C = coordinates.shape, around.shape[1], known, len(indicators[1])
    by_gamma, by_eta, by_effects = np.zeros(len(gamma)), np.zeros(len(eta)), np.zeros(len(effects))
    tau, root, by_root = np.empty(M), np.zeros((M, M)), np.zeros((M, M))
    factor_of(partials, effects, tau, root)
    for k in range(M):
        for m in range(M):
            root[k, m] *= tau[k]
    by_coordinates, included, scratch = np.empty((J, M)), np.zeros(C), room_for(starts, C)
    z, v, by_z, by_v = np.empty(M), np.empty(M), np.empty(M), np.empty(M)
    log_p, by_nu = -0.5 * J * M * _LOG_2PI, 0.0
    for k in range(centred):
        log_p -= J * math.log(root[k, k])
        by_root[k, k] -= J / root[k, k]
    for j in range(J):
        for k in range(M):
            if k < centred:
                v[k] = coordinates[j, k] - product(around[j, k], gamma)
                z[k] = (v[k] - product(root[k, :k], z)) / root[k, k]
            else:
                z[k] = coordinates[j, k]
                v[k] = product(root[k, : k + 1], z)
        first, size = starts[j], starts[j + 1] - starts[j]
        value, by_nu_j = school(students, first, size, indicators, known, v, scratch, by_gamma, by_eta, by_v, included)
        log_p += value - 0.5 * product(z, z)
        by_nu += by_nu_j
        for k in range(M):
            by_z[k] = -z[k]
        for k in range(M - 1, -1, -1):  # the same steps backwards: by (root z)_k, then by what it is made of
            by_product = by_v[k] if k >= centred else -by_z[k] / root[k, k]
            for m in range(k + 1):
                by_root[k, m] += by_product * z[m]
                by_z[m] += by_product * root[k, m]
            by_coordinates[j, k] = by_z[k] if k >= centred else by_v[k] - by_product
        for k in range(centred):
            for m in range(len(gamma)):
                by_gamma[m] -= by_coordinates[j, k] * around[j, k, m]
    for k in range(M):
        for m in range(M):
            by_effects[k] += by_root[k, m] * root[k, m]
            by_root[k, m] *= tau[k]
    pull_back_partials(partials, effects[M:], by_root, by_effects[M:])
    return log_p, by_gamma, by_eta, by_nu, by_effects, by_coordinates, included


@compiled
def joint_of_draws(students, starts, selected, on, log_prior, gamma, eta, nu, v):
    """log p(y_j, c | v) (S, J, C) of draws: log prior (S, C), gamma (S, P), eta (S, Q), nu (S,), v (S, J, M)."""
    (S, J, _), C = v.shape, len(on)
    joint, scratch = np.empty((S, J, C)), room_for(starts, C)
    for s in range(S):
        indicators, known = (selected, on, log_prior[s]), (gamma[s], eta[s], nu[s])
        for j in range(J):
            each_configuration(students, starts[j], starts[j + 1] - starts[j], indicators, known, v[s, j], scratch)
            joint[s, j] = scratch[0]
    return joint
