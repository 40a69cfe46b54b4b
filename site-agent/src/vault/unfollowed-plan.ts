// Plans on the board that this vault does not follow as studies of its own, and what its people are told of them.
import type { Verified } from '@wardround/protocol/documents/signed';
import type { FederationView } from '@wardround/protocol/federation-view';
import { lastRound } from '@wardround/protocol/schedule';
import type { VaultPorts } from './ports.ts';
import type { StudyStatus } from './status-file.ts';

/**
 * The site's name was in the study with other keys than this directory has: those were replaced, or these are. What they signed is no sign of
 * a restored disk, and nothing that these sign would count.
 */
export function isOfOtherKeys(
  { value }: Verified<'StudyPlan'>,
  named: FederationView,
  { site, keys }: VaultPorts,
): boolean {
  if (!value.sites.roster.some(({ name }) => name === site)) return false;
  const then = named.sites.find(({ name }) => name === site)?.keys;
  if (then === undefined) return false;
  return then.agent.x !== keys.agent.publicKey.x || then.witness.x !== keys.witness.publicKey.x;
}

/** Of a plan that this vault does not follow as a study. */
export function planStatus(
  { digest, value }: Verified<'StudyPlan'>,
  state: StudyStatus['state'],
  check: StudyStatus['check'],
): StudyStatus {
  const { title, researcher } = value;
  return {
    study: digest,
    title,
    researcher,
    state,
    rounds: lastRound(value),
    round: 0,
    roundsContributed: 0,
    session: null,
    simulated: null,
    check,
  };
}
