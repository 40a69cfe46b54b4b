// A federation whose server half is none that a plan can ask for: the sites' own work, its exact sums, and then another rule.
import { workLocally } from '@wardround/learning/rounds/local-work';
import { roundTask } from '@wardround/learning/rounds/round-task';
import { SumsInMemory } from '@wardround/learning/simulation/sums-in-memory';
import type { Simulation } from '@wardround/learning/simulation/simulate-study';
import type { ServerStrategy } from '@wardround/learning/strategies/server-strategy';
import type { Tensor } from '@wardround/protocol/safetensors';

/** The model after the plan's rounds, which must all train, by a strategy that works on sums of updates alone. */
export async function trainWithServer(
  { backend, plan, sites }: Simulation,
  { server, initialModel }: { readonly server: ServerStrategy; readonly initialModel: readonly Tensor[] },
): Promise<readonly Tensor[]> {
  const { stepLog2 } = plan.encoding.update;
  const totalWeight = sites.reduce((sum, { weight }) => sum + weight, 0);
  let model = initialModel;
  let state = server.initialState(model);
  for (let round = 1; round <= plan.rounds; round += 1) {
    const sums = new SumsInMemory(roundTask(plan, round));
    const base = { round: round - 1, model, state: [] };
    for (const { name, data, weight } of sites) {
      const { integers } = await workLocally({ backend, plan, site: name, round, base, data, kept: [] });
      sums.add(integers, weight);
    }
    ({ model, state } = server.apply({ model, state, ...sums.result(), totalWeight, stepLog2, round }));
  }
  return model;
}
