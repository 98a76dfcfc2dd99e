/* The spike-and-slab explorer: one school whose mean is average, all hyperparameters known; tau_u and eta in `constants`,
   with the sizes n for which is said what the threshold asks for, and the ends of the axes. */

const POINTS = 401, REACH = 9;  // of the grid over t, in SDs of the slab

const WORDS = { "more variable": "at least", "less variable": "at most" };

/* log p(scores | t) of n students with the SD r, up to what does not depend on t. */
function logLikelihood(n, r, t, tauU) {
  const variance = Math.exp(2 * t);
  return -(n - 1) * t - (0.5 * (n - 1) * r * r) / variance - 0.5 * Math.log(tauU * tauU + variance / n);
}

/* The log Bayes factor of the slab as a function of the SD ratio: log of the mean of p(scores | t) / p(scores | 0) over the slab. */
function evidence(n, tauT, tauU) {
  const grid = Array.from({ length: POINTS }, (_p, at) => REACH * tauT * ((2 * at) / (POINTS - 1) - 1));
  const weight = grid.map(t => Math.exp(-0.5 * (t / tauT) ** 2));
  const total = weight.reduce((sum, w) => sum + w, 0);
  const constant = grid.map((t, at) => Math.log(weight[at] / total) + logLikelihood(n, 0, t, tauU));
  const spread = grid.map(t => 0.5 * (n - 1) * Math.exp(-2 * t));
  return r => {
    let top = -Infinity, sum = 0;
    const logs = constant.map((c, at) => { const value = c - r * r * spread[at]; if (value > top) top = value; return value; });
    for (const value of logs) sum += Math.exp(value - top);
    return top + Math.log(sum) - logLikelihood(n, r, 0, tauU);
  };
}

const inclusion = (logBf, pi) => 1 / (1 + Math.exp(-logBf - Math.log(pi / (1 - pi))));
const logSpaced = ([low, high], count) => Array.from({ length: count }, (_p, at) => low * (high / low) ** (at / (count - 1)));

/* The SD ratio between 1 and the end at which the log Bayes factor first reaches a limit; null where it does not. */
function reached(logBf, limit, end) {
  if (logBf(1) >= limit) return 1;
  if (logBf(end) < limit) return null;
  let [inside, outside] = [0, Math.log(end)];
  for (let step = 0; step < 40; step++) {
    const middle = (inside + outside) / 2;
    if (logBf(Math.exp(middle)) >= limit) outside = middle;
    else inside = middle;
  }
  return Math.exp(outside);
}

export function view({ n, sd_ratio, tau_t, pi }, { tau_u, sizes, ends, threshold }) {
  const logBf = evidence(n, tau_t, tau_u), here = logBf(sd_ratio), pip = inclusion(here, pi);
  const t = Array.from({ length: 91 }, (_p, at) => -0.9 + 0.02 * at);
  const said = t.map(value => -(n - 1) * value - 0.5 * (n - 1) * sd_ratio ** 2 * Math.exp(-2 * value));
  const top = Math.max(...said);
  const limit = Math.log(threshold / (1 - threshold)) - Math.log(pi / (1 - pi));
  const asks = (size, evidenceOf) => [
    { n: size, side: "more variable", ratio: reached(evidenceOf, limit, ends[1]) },
    { n: size, side: "less variable", ratio: reached(evidenceOf, limit, ends[0]) },
  ].filter(row => row.ratio !== null);
  const data = {
    likelihood: t.map((value, at) => ({ t: value, height: Math.exp(said[at] - top) })),
    slab: t.map(value => ({ t: value, height: pi * Math.exp(-0.5 * (value / tau_t) ** 2) })),
    spike: [{ t: 0, height: 1 - pi }],
    curve: logSpaced(ends, 61).map(ratio => ({ ratio, pip: inclusion(logBf(ratio), pi) })),
    asked: sizes.flatMap(size => asks(size, evidence(size, tau_t, tau_u))),
    here: [{ n, ratio: sd_ratio, pip }],
  };
  const average = inclusion(logBf(1), pi);
  const limits = asks(n, logBf).map(({ side, ratio }) => `${WORDS[side]} ${ratio.toFixed(2)}`).reverse().join(" or ");
  let asked = limits ? `A PIP of .75 asks for an SD ratio of ${limits}.` : `No SD ratio from ${ends[0]} to ${ends[1]} reaches .75.`;
  asked += ` An ordinary school (ratio 1) has ${average.toFixed(2)}.`;
  if (average >= threshold) asked = `Here .75 asks for nothing: an ordinary school has a PIP of ${average.toFixed(2)} already.`;
  const sentence =
    `${n} students, an SD ${sd_ratio} times the common one, tau_t = ${tau_t}, pi = ${pi}: log Bayes factor ` +
    `${here.toFixed(2)}, Bayes factor ${short(Math.exp(here))}, PIP ${pip.toFixed(2)}. ${asked}`;
  return { data, signals: {}, sentence, marked: [] };
}

const short = value => (value < 100 ? value.toFixed(2) : value < 1e6 ? Math.round(value).toLocaleString("en") : "above a million");

/* The school is pulled by its SD, and in the right panel by its size too. */
export function pull(panel, x, y) {
  return panel === "by_ratio" ? { sd_ratio: x } : { n: x, sd_ratio: y };
}
