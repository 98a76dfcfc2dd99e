/* The construction explorer: v = (tau L z) delta for 120 schools, one of which can be pulled.

   `z` (school, 2) and `luck` (school) are what was drawn; a school is in the slab where its luck is below pi. */

export function view({ tau_u, tau_t, rho, pi, indicator, school, pull_1, pull_2 }, { z: drawn, luck }) {
  const rest = Math.sqrt(1 - rho * rho);  // Omega = L L', L = [[1, 0], [rho, rest]]
  const after = indicator === "after L";
  const slab = luck.map(u => u < pi);
  const z = drawn.map(([one, two], at) => (at === school - 1 ? [one + pull_1, two + pull_2] : [one, two]));
  const correlated = z.map(([one, two]) => [one, rho * one + rest * two]);
  const scaled = correlated.map(([one, two]) => [tau_u * one, tau_t * two]);
  // Only the scale effect has an indicator.
  const in_force = z.map(([one, two], at) => {
    const delta = slab[at] ? 1 : 0;
    return [tau_u * one, tau_t * (after ? (rho * one + rest * two) * delta : rho * one + rest * two * delta) + 0];
  });
  const clouds = { z, correlated, scaled, in_force };
  const state = slab.map(on => (on ? "slab" : "spike"));
  const rows = cloud => cloud.map(([x, y], at) => ({ school: at + 1, state: state[at], x, y }));
  const data = Object.fromEntries(Object.entries(clouds).map(([name, cloud]) => [name, rows(cloud)]));

  const two = value => value.toFixed(2), three = value => value.toFixed(3);
  const [at_z, at_lz, at_scaled, at_v] = Object.values(clouds).map(cloud => `(${cloud[school - 1].map(two).join(", ")})`);
  const path = `z = ${at_z}, L z = ${at_lz} and tau L z = ${at_scaled} to v = ${at_v}`;
  const off = in_force.filter((_v, at) => !slab[at]).map(([, t]) => Math.abs(t));
  const spike = after || rho === 0 ? "exactly zero." : `not zero: it is tau rho z1, up to ${two(Math.max(0, ...off))} in size.`;
  const found = [covariance(scaled, 0, 0), covariance(scaled, 1, 1), covariance(scaled, 0, 1)];
  const intended = [tau_u * tau_u, tau_t * tau_t, rho * tau_u * tau_t];
  const sentence =
    `Variance of u, variance of t, covariance after step 3: ${found.map(three).join(", ")} in these ${z.length} schools; ` +
    `intended: ${intended.map(three).join(", ")}. School ${school} (${state[school - 1]}) goes from ${path}. ` +
    `In the ${off.length} schools of the spike t is ${spike}`;
  return { data, signals: { followed: school }, sentence, marked: [] };
}

function covariance(cloud, one, other) {
  const mean = axis => cloud.reduce((sum, point) => sum + point[axis], 0) / cloud.length;
  const [m, n] = [mean(one), mean(other)];
  return cloud.reduce((sum, point) => sum + (point[one] - m) * (point[other] - n), 0) / (cloud.length - 1);
}

/* Who is taken up is followed. A place in a later panel is led back to the z that it came from. */
export function pull(handle, x, y, datum, { tau_u, tau_t, rho, school }, { z }) {
  if (datum.school !== school) return { school: datum.school };
  const panel = handle.replace("_thumb", "");
  const [first, second] = panel === "scaled" ? [x / tau_u, y / tau_t] : [x, y];
  const back = panel === "z" ? second : (second - rho * first) / Math.sqrt(1 - rho * rho);
  return { pull_1: first - z[school - 1][0], pull_2: back - z[school - 1][1] };
}

/* Another school is followed as it was drawn. */
export function settle(before, now) {
  return before.school !== now.school ? { ...now, pull_1: 0, pull_2: 0 } : now;
}
