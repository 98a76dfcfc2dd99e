/* The MELSM explorer: twelve schools of twenty students, whose luck stays while the parameters move.

   `z` and `t` (school) are the schools' luck, t in order and with mean 0 and SD 1; `noise` (school, student) the students'. */

export function view({ gamma, eta, tau_u, tau_t }, { z, t, noise }) {
  const schools = z.length, usual = Math.exp(eta);
  const sd = t.map(luck => Math.exp(eta + tau_t * luck));
  const mean = z.map(luck => gamma + tau_u * luck);
  const scores = noise.map((students, at) => students.map(luck => mean[at] + sd[at] * luck));
  const common = Math.sqrt(scores.map(variance).reduce((sum, v) => sum + v, 0) / schools);
  // Who varies more is told by the SD at t = 0; a multilevel model's SD lies above it where schools differ.
  const own = sd.map(s => (Math.abs(s / usual - 1) < 1e-5 ? "common SD" : s > usual ? "own SD, larger" : "own SD, smaller"));
  const data = {
    schools: mean.map((m, at) => ({
      school: at + 1, mean: m, sd: sd[at], own: own[at],
      low: m - sd[at], high: m + sd[at], common_low: m - common, common_high: m + common,
    })),
    students: scores.flatMap((students, at) => students.map(score => ({ school: at + 1, score }))),
  };
  const two = value => value.toFixed(2), count = test => sd.filter(test).length;
  const sentence =
    `A plain multilevel model would report one SD within schools: ${two(common)}. The schools' own SDs run from ` +
    `${two(Math.min(...sd))} to ${two(Math.max(...sd))}; ${count(s => s > 1.2 * common)} of ${schools} are more than 1.2 times ` +
    `the common one, ${count(s => s < common / 1.2)} less than 1 / 1.2 of it. exp(eta) = ${two(usual)} is the SD of a school ` +
    `with t = 0. Their expected scores run from ${two(Math.min(...mean))} to ${two(Math.max(...mean))}, around gamma = ${gamma}.`;
  return { data, signals: {}, sentence, marked: [] };
}

function variance(scores) {
  const mean = scores.reduce((sum, score) => sum + score, 0) / scores.length;
  return scores.reduce((sum, score) => sum + (score - mean) ** 2, 0) / (scores.length - 1);
}

/* One school is pulled, and the parameter that would put it there moves all of them: tau_u by its mean, tau_t by its SD. */
export function pull(handle, _x, y, { school }, { gamma, eta, tau_u }, { z, t }) {
  const at = school - 1, mean = gamma + tau_u * z[at];
  if (handle === "mean") return { tau_u: (y - gamma) / z[at] };
  const sd = Math.max(1e-3, handle === "high" ? y - mean : mean - y);
  return { tau_t: (Math.log(sd) - eta) / t[at] };
}
