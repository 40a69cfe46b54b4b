// A loss law as a few hundred points with masses: good for its moments (the trapezoidal rule converges exponentially on analytic functions), not for its tails.
import { logSumExp } from './log-space.ts';
import { type IntegerPair, type LossPair, type NormalPair, pairFunctions } from './loss-law.ts';

export interface LossNodes {
  /** Logarithms: far from the centre a mass is no double, and is what high orders weigh. */
  readonly logMass: Float64Array;
  readonly loss: Float64Array;
}

/** Points `reach` standard deviations beyond the outermost centres of p. */
export function lossNodes(law: LossPair, reach: number): LossNodes {
  if (law.kind === 'integer') return integerNodes(law, reach);
  const nodes = normalNodes(law, reach);
  return law.symmetrised ? symmetrised(nodes) : nodes;
}

function normalNodes(law: NormalPair, reach: number): LossNodes {
  const { sigma, p } = law;
  const { logDensity, loss } = pairFunctions(law);
  const shifts = p.map(({ shift }) => shift);
  const from = Math.min(...shifts) - reach * sigma;
  const to = Math.max(...shifts) + reach * sigma;
  const step = Math.min(sigma, sigma * sigma) / 16;
  const length = Math.min(200_000, Math.ceil((to - from) / step)) + 1;
  const wide = (to - from) / (length - 1);
  const points = Float64Array.from({ length }, (_, k) => from + k * wide);
  return { logMass: points.map((x) => logDensity(x) + Math.log(wide)), loss: points.map(loss) };
}

/** Outcomes of the discrete Gaussian around its centre and their exact masses; loss at x (moved by s): s(2x + s) / 2σ² with x drawn around 0. */
export function integerNodes({ sigma, sensitivity }: IntegerPair, reach: number): LossNodes {
  const far = Math.ceil(reach * sigma) + 1;
  const points = Float64Array.from({ length: 2 * far + 1 }, (_, k) => k - far);
  const logs = points.map((x) => (-x * x) / (2 * sigma * sigma));
  const total = Math.log(logs.reduce((sum, log) => sum + Math.exp(log), 0));
  return {
    logMass: logs.map((log) => log - total),
    loss: points.map((x) => (sensitivity * (2 * x + sensitivity)) / (2 * sigma * sigma)),
  };
}

/** The law whose losses below 0 mirror those above; what is left over loses nothing. */
function symmetrised({ logMass, loss }: LossNodes): LossNodes {
  const above = [...loss.keys()].filter((k) => (loss[k] ?? 0) > 0);
  const losses = above.map((k) => loss[k] ?? 0);
  const masses = above.map((k) => logMass[k] ?? 0);
  const mirrored = masses.map((log, k) => log - (losses[k] ?? 0));
  const rest = 1 - Math.exp(logSumExp([...masses, ...mirrored]));
  return {
    logMass: Float64Array.from([...masses, ...mirrored, Math.log(Math.max(0, rest))]),
    loss: Float64Array.from([...losses, ...losses.map((l) => -l), 0]),
  };
}

/** log E e^(tilt · loss): the cumulant generating function; tilt times the Rényi divergence of order 1 + tilt. */
export function cumulant({ logMass, loss }: LossNodes, tilt: number): number {
  let high = Number.NEGATIVE_INFINITY;
  for (let k = 0; k < loss.length; k += 1) high = Math.max(high, (logMass[k] ?? 0) + tilt * (loss[k] ?? 0));
  let sum = 0;
  for (let k = 0; k < loss.length; k += 1) sum += Math.exp((logMass[k] ?? 0) + tilt * (loss[k] ?? 0) - high);
  return high + Math.log(sum);
}
