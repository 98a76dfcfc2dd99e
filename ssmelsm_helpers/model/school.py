r"""What one school says, compiled: its likelihood under spike and slab, with u and t integrated out.

Students enter through a few sums. With residuals r_i = y_i - x_i'gamma, weights w_i = exp(-2 w_i'eta) and the rows z_i of
the K location effects, M = sum w_i z_i z_i' = R R', R p = sum w_i r_i z_i and Q = sum w_i r_i^2 - p'p. Given u and t the log
likelihood is c - n t - s (Q + |p - R'u|^2) / 2 with s = exp(-2 t).

Spike and slab differ in what u is before the data. In the slab t = tau_t z, z ~ Normal(0, 1), and u given z is
Normal(slope z, V); in the spike t = 0 and u ~ Normal(0, V). Along the eigenvectors O of R'V R all is independent: with
F = R O, loads lambda = diag(F'V F), centres d = O'p and slopes b = F'slope, u integrated out leaves

.. math:: \log p(y_j | t) = c - n t - \tfrac12 s Q - \tfrac12 \sum_k \Big( \log(1 + \lambda_k s)
          + \frac{s (d_k - b_k z)^2}{1 + \lambda_k s} \Big).

The integral over z is a trapezoidal sum between limits that are found for each school: for a smooth integrand that vanishes
at both ends it converges exponentially, for one student as for 100,000 (Trefethen & Weideman, 2014, *SIAM Review*, 56, 385).

Students are a tuple: X, W and Z, columns first, their cells, and the schools' first rows (`school_density.students_in`).
What is known of one school stands in three small matrices, whose rows have names: ``seen``, a spike or slab (``part``), and
the ``nodes`` of the integral; `school_gradient` and `school_effects` read them. (Matrices because the compiler counts the
owners of every array that is handed on.)
"""

import math

import numpy as np

from .compiled import helper

# Rows of cells: students, their mean, squared deviations from it.
N, MEAN, SQUARES = 0, 1, 2
# A part: loads, centres and slopes, then F (K rows), then V F (K rows), which is how u follows a pull along the directions.
LOAD, CENTRE, SLOPE, F = 0, 1, 2, 3
# Nodes: z, s, the integrand, its factor prod_k (1 + lambda_k s)^-1/2; then per direction the students' pull a on u, their
# information b, and E[u | z].
AT, S, DENSITY, ROOT, PULL = 0, 1, 2, 3, 4

_LOG_2PI = math.log(2 * math.pi)
# The sum stops where the integrand has fallen to about 1e-7 of its peak: less than 1e-8 of the integral is beyond.
_DROP = math.exp(-16)
# Where the integrand is close to a Gaussian, limits are guessed, some seven SDs to either side, and few nodes do: for a small
# tau_t always, for a larger one in schools of enough students whose mean is not too far from the others.
_GUESSED_SDS, _GUESSED = 7.0, np.int64(18)
_QUICK_TAU, _QUICK_SLOPE, _QUICK_N, _USUAL_MEAN = 0.18, 80.0, 20.0, 4.2
# By NumPy: of each of Python's numbers a function is compiled once more.
_SCANNED, _SCANS = np.int64(32), 3
_MOST_NODES = 112
# |t| beyond 150 is a school SD of e^150: no data ask for it, and exp(2 t) stays finite.
_LARGEST_T = 150.0
# What students say of a direction of u, less than this beside the rest, is rounding.
_RANK = 1e-12
_ROTATIONS = 8


@helper
def empty_room(starts, K):
    """Empty matrices: rows of residuals and weights; what is seen of a school (R, and p below); spike, slab, nodes."""
    most = 0
    for j in range(len(starts) - 1):
        most = max(most, starts[j + 1] - starts[j])
    part, nodes = (F + 2 * K, K), (PULL + 3 * K, _MOST_NODES)
    return np.empty((2, most)), np.empty((K + 1, K)), np.empty(part), np.empty(part), np.empty(nodes)


@helper
def add_up(students, j, gamma, eta, rows, seen):
    """n, Q and c of a school; its residuals, its weights (times n), R and p are set."""
    X, W, Z, cells, starts = students
    K, first, size = len(Z), starts[j], starts[j + 1] - starts[j]
    for i in range(size):
        rows[0, i], rows[1, i] = cells[MEAN, first + i], 0.0
    for k in range(len(gamma)):
        for i in range(size):
            rows[0, i] -= X[k, first + i] * gamma[k]
    for k in range(len(eta)):
        for i in range(size):
            rows[1, i] += W[k, first + i] * eta[k]
    count = log_sds = Q = 0.0
    for i in range(size):
        n, w = cells[N, first + i], math.exp(-2 * rows[1, i])
        count += n
        log_sds += n * rows[1, i]
        rows[1, i] = n * w
        Q += w * cells[SQUARES, first + i] + rows[1, i] * rows[0, i] ** 2
    # R R' = M row by row; a direction of which the students say nothing has zeros.
    for k in range(K):
        p = 0.0
        for i in range(size):
            p += rows[1, i] * rows[0, i] * Z[k, first + i]
        for m in range(k + 1):
            M = 0.0
            for i in range(size):
                M += rows[1, i] * Z[k, first + i] * Z[m, first + i]
            least = _RANK * M
            for i in range(m):
                M -= seen[k, i] * seen[m, i]
            if m == k:
                seen[k, k] = math.sqrt(M) if least < M else 0.0
            else:
                seen[m, k], seen[k, m] = 0.0, M / seen[m, m] if seen[m, m] > 0 else 0.0
                p -= seen[k, m] * seen[K, m]
        seen[K, k] = p / seen[k, k] if seen[k, k] > 0 else 0.0
        Q -= seen[K, k] ** 2
    return count, max(Q, 0.0), -0.5 * count * _LOG_2PI - log_sds


@helper
def _turn(seen, slope, V, part):
    """Set a spike or slab in which u ~ Normal(slope z, V)."""
    K = len(slope)
    if K == 1:
        R = seen[0, 0]
        part[F, 0], part[F + 1, 0] = R, V[0, 0] * R
        part[LOAD, 0], part[CENTRE, 0], part[SLOPE, 0] = V[0, 0] * R * R, seen[1, 0], R * slope[0]
        return
    inner, axes = np.empty((K, K)), np.empty((K, K))
    for k in range(K):
        for m in range(K):
            inner[k, m] = 0.0
            for i in range(K):
                for q in range(K):
                    inner[k, m] += seen[i, k] * V[i, q] * seen[q, m]
    _diagonalise(inner, axes)
    for k in range(K):
        part[LOAD, k], part[CENTRE, k], part[SLOPE, k] = max(inner[k, k], 0.0), 0.0, 0.0
        for m in range(K):
            part[F + m, k] = 0.0
            for i in range(K):
                part[F + m, k] += seen[m, i] * axes[i, k]
            part[CENTRE, k] += axes[m, k] * seen[K, m]
            part[SLOPE, k] += part[F + m, k] * slope[m]
        for m in range(K):
            part[F + K + m, k] = 0.0
            for i in range(K):
                part[F + K + m, k] += V[m, i] * part[F + i, k]


@helper
def _diagonalise(A, axes):
    """Jacobi's rotations: the diagonal of A becomes its eigenvalues, the columns of axes its eigenvectors."""
    K = len(A)
    for k in range(K):
        for m in range(K):
            axes[k, m] = 1.0 if k == m else 0.0
    for _ in range(_ROTATIONS if K > 2 else 1):
        for p in range(K):
            for q in range(p + 1, K):
                angle = 0.5 * math.atan2(2 * A[p, q], A[q, q] - A[p, p])
                cos, sin = math.cos(angle), math.sin(angle)
                for k in range(K):
                    A[k, p], A[k, q] = cos * A[k, p] - sin * A[k, q], sin * A[k, p] + cos * A[k, q]
                    axes[k, p], axes[k, q] = cos * axes[k, p] - sin * axes[k, q], sin * axes[k, p] + cos * axes[k, q]
                for k in range(K):
                    A[p, k], A[q, k] = cos * A[p, k] - sin * A[q, k], sin * A[p, k] + cos * A[q, k]


@helper
def integrand(low, step, count, n, Q, tau_t, part, nodes):
    """p(y_j | t = tau_t z) exp(-z^2 / 2) without c at equally spaced z, set as density; the log of its unit, its largest value, its sum."""
    s, ratio, unit, largest, total = math.exp(-2 * tau_t * low), math.exp(-2 * tau_t * step), -np.inf, 0.0, 0.0
    for i in range(count):
        z = low + i * step
        nodes[AT, i], nodes[S, i], nodes[ROOT, i] = z, s, 1.0
        nodes[DENSITY, i] = -0.5 * (s * Q + z * z) - n * tau_t * z
        s *= ratio
    for k in range(part.shape[1]):
        load, centre, slope = part[LOAD, k], part[CENTRE, k], part[SLOPE, k]
        for i in range(count):
            inflation, deviation = 1 + load * nodes[S, i], centre - slope * nodes[AT, i]
            nodes[DENSITY, i] -= 0.5 * nodes[S, i] * deviation * deviation / inflation
            nodes[ROOT, i] /= math.sqrt(inflation)  # takes less time than a logarithm in the exponent
    for i in range(count):
        unit = max(unit, nodes[DENSITY, i])
    for i in range(count):
        nodes[DENSITY, i] = nodes[ROOT, i] * math.exp(nodes[DENSITY, i] - unit)
        largest = max(largest, nodes[DENSITY, i])
        total += nodes[DENSITY, i]
    return unit, largest, total


@helper
def _asked(n, Q, tau_t, part):
    """z that the school's SD asks for; precision and precision-weighted mean of z that its mean, through rho, asks for."""
    df, by_spread, precision, pull = n - part.shape[1], 0.0, 0.0, 0.0
    if df > 0 and Q > 0:
        by_spread = min(max(0.5 * math.log(Q / df), -60.0), 60.0) / tau_t
    for k in range(part.shape[1]):
        by = part[SLOPE, k] / (1 + part[LOAD, k])
        precision += by * part[SLOPE, k]
        pull += by * part[CENTRE, k]
    return by_spread, precision, pull


@helper
def _guess(n, Q, tau_t, part):
    """First node, step and number of nodes, by a Gaussian approximation that reaches further out towards a larger SD."""
    by_spread, precision, pull = _asked(n, Q, tau_t, part)
    from_spread = 2 * max(n - part.shape[1], 0.0) * tau_t**2
    curvature = 1 + from_spread + precision
    centre, width = (from_spread * by_spread + pull) / curvature, _GUESSED_SDS / math.sqrt(curvature)
    # The data refute a t too low sooner than one as much too high: the third derivative is 2 tau_t from_spread.
    stretch, bound = 1 + tau_t * from_spread * width / (3 * curvature), _LARGEST_T / tau_t
    low, high = max(centre - width / stretch, -bound), min(centre + width * stretch, bound)
    return low, (high - low) / (_GUESSED - 1), _GUESSED


@helper
def _scan(n, Q, tau_t, part, nodes):
    """The same by looking: from the prior's bulk and what SD and mean ask for, three times closer around the peak."""
    by_spread, precision, pull = _asked(n, Q, tau_t, part)
    by_mean, bound = pull / (1 + precision), _LARGEST_T / tau_t
    low = max(min(by_spread, by_mean, 0.0) - 8.0, -bound)
    high = min(max(by_spread, by_mean, 0.0) + 8.0, bound)
    for _ in range(_SCANS):
        step = (high - low) / (_SCANNED - 1)
        _, largest, _ = integrand(low, step, _SCANNED, n, Q, tau_t, part, nodes)
        first, last = _SCANNED, 0
        for i in range(_SCANNED):
            if nodes[DENSITY, i] > _DROP * largest:
                first, last = min(first, i), i
        low, high = low + (first - 1) * step, low + (last + 1) * step
    # More tau_t, more skewness: so many hold the error in a log Bayes factor below 1e-6.
    count = 20 if tau_t <= 0.12 else 44 if tau_t <= 0.45 else 64 if tau_t <= 1.2 else _MOST_NODES
    return low, (high - low) / (count - 1), count


@helper
def _proven(largest, surprise, n, tau_t, nodes):
    """Whether guessed nodes show the whole peak well, where no second one can hide (by a mean far from the others)."""
    seen = 0
    for i in range(_GUESSED):
        seen += 1 if nodes[DENSITY, i] > _DROP * largest else 0
    whole = max(nodes[DENSITY, 0], nodes[DENSITY, _GUESSED - 1]) <= _DROP * largest and seen >= _GUESSED // 2
    return whole and surprise <= _USUAL_MEAN**2 and n >= min(_QUICK_SLOPE * (tau_t - _QUICK_TAU), _QUICK_N)


@helper
def spike_and_slab(n, Q, seen, flat, slope, spike_V, slab_V, tau_t, spike, slab, nodes):
    """log p(y_j | spike) and log p(y_j | slab) without c; the step between nodes, how many, their total density, its unit's log."""
    _turn(seen, flat, spike_V, spike)
    surprise = log_volume = 0.0
    for k in range(len(flat)):
        surprise += spike[CENTRE, k] ** 2 / (1 + spike[LOAD, k])
        log_volume += math.log(1 + spike[LOAD, k])
    log_spike = -0.5 * (Q + surprise + log_volume)
    if tau_t == 0:
        return log_spike, log_spike, 0.0, 0, 0.0, 0.0
    _turn(seen, slope, slab_V, slab)
    low, step, count = _guess(n, Q, tau_t, slab)
    log_unit, largest, total = integrand(low, step, count, n, Q, tau_t, slab, nodes)
    if not _proven(largest, surprise, n, tau_t, nodes):
        low, step, count = _scan(n, Q, tau_t, slab, nodes)
        log_unit, _, total = integrand(low, step, count, n, Q, tau_t, slab, nodes)
    return log_spike, log_unit + math.log(total * step) - 0.5 * _LOG_2PI, step, count, total, log_unit
