// SCAFFOLD at a site: its variate cᵢ, which never leaves it. The equations stand in scaffold.ts.
import { fromFixed } from '@wardround/protocol/fixed-point';
import type { Tensor } from '@wardround/protocol/safetensors';
import { readSection } from '../rounds/state-sections.ts';
import type { Float64Tensor } from '../tensor-view.ts';
import { quantiseUpdate } from '../update.ts';
import { stepDistance, variate, variateMove } from './scaffold.ts';
import { readState, zeroState } from './server-strategy.ts';
import type { SiteState, SiteUpdate, TrainedSite } from './site-part.ts';

/** c − cᵢ for each tensor: what the site adds to its gradients. @throws WardroundError `tensors-mismatch`, `tensors-not-finite` */
export function gradientCorrection(site: Pick<SiteState, 'base' | 'kept'>): readonly Float64Array[] {
  const { c, own } = variates(site);
  return c.map(({ data }, i) => data.map((value, j) => value - (own[i]?.data[j] ?? 0)));
}

/** Δyᵢ to send, and cᵢ⁺ = cᵢ + Δcᵢ to keep, reckoned from what is sent. @throws WardroundError as `quantiseUpdate` */
export function scaffoldUpdate(site: TrainedSite): SiteUpdate {
  const { plan, base, local } = site;
  const { tensors } = quantiseUpdate({ base: base.model, local }, plan.encoding.update);
  const integers = tensors.map(({ data }) => data);
  const { c, own } = variates(site);
  const distance = stepDistance(plan);
  const kept = own.map((tensor, i): Tensor => {
    const sent = fromFixed(integers[i] ?? new Int32Array(), plan.encoding.update.stepLog2);
    const moved = variateMove(c[i]?.data ?? new Float64Array(), sent, distance);
    return { ...tensor, data: tensor.data.map((value, j) => value + (moved[j] ?? 0)) };
  });
  return { integers, kept };
}

/** The federation's c and the site's own cᵢ, which begins at 0. */
function variates({ base, kept }: Pick<SiteState, 'base' | 'kept'>): {
  readonly c: readonly Float64Tensor[];
  readonly own: readonly Float64Tensor[];
} {
  const { model } = base;
  const [c = []] = readState({ model, state: readSection(base.state, 'strategy') }, [variate]);
  const [own = []] = readState({ model, state: kept.length === 0 ? zeroState(variate, model) : kept }, [variate]);
  return { c, own };
}
