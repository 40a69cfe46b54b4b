// FedProx: FedAvg, whose sites are held near the round's base by a proximal term. The enclave does what it does for FedAvg.
import { fedAvg } from './fed-avg.ts';
import type { ServerStrategy } from './server-strategy.ts';

/**
 * At a site: minimise F(w) + μ/2·‖w − x‖² (`tfjs/objective.ts`). At the enclave: x ← x + Δ.
 *
 * Source: Li et al., "Federated Optimization in Heterogeneous Networks", 2020, algorithm 2.
 */
export function fedProx(): ServerStrategy {
  return fedAvg();
}
