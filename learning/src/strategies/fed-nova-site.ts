// FedNova at a site: its update as long as if it had made all of the plan's steps, and the share of them that it made. Equations: fed-nova.ts.
import { differences, quantiseDifferences } from '../update.ts';
import { ownSteps, shareOfSteps, stepShare } from './fed-nova.ts';
import type { SiteUpdate, TrainedSite } from './site-part.ts';

/** Δᵢ/sᵢ and sᵢ. @throws WardroundError as `quantiseUpdate` */
export function fedNovaUpdate({ plan, base, local, rows }: TrainedSite): SiteUpdate {
  const share = shareOfSteps(plan, ownSteps(plan, rows));
  const scale = stepShare.whole / share;
  const directions = differences({ base: base.model, local }).map((delta) => delta.map((value) => value * scale));
  const { integers } = quantiseDifferences(directions, plan.encoding.update);
  return { integers: [...integers, Int32Array.of(share)], kept: [] };
}
