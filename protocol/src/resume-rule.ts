// Where a session goes on: one rule over the sites' statements, for the enclave that opens it and for each site that checks it.
import type { ResumeStatement } from './documents/session.ts';
import { WardroundError } from './errors.ts';

export interface ClosedRound {
  readonly receipt: string;
  readonly round: number;
  readonly checkpoint: string;
}

/** The receipt of the round before the one with this digest, where its reader has the record; a statement vouches for its whole chain. */
export type PreviousReceipt = (receipt: string) => ClosedRound | null;

/** Whether a receipt that a statement names is one, of this round and checkpoint: its reader has the record. */
export type IsReceipt = (closed: ClosedRound) => boolean;

/**
 * The newest closed round that more than f of the statements vouch for; null for the study's start. A statement vouches for the receipt it
 * names as its newest, for every receipt that precedes it (its site cosigned those too), and for the rounds of the checkpoints it
 * holds (their receipts were cosigned by a quorum). Of q statements more than f come from sites that cosigned a round that q cosigned, so
 * no such round is missed; and at least one of more than f is honest, so none is invented.
 *
 * Who vouches for a round may still lie about its receipt's name, and a session that waits for a receipt that does not exist would wait
 * for ever: the enclave takes only a name that `isReceipt` knows. Who compares round and checkpoint alone needs no name.
 *
 * @param statements one a site, at least q of the roster @param f colluding sites
 * @throws WardroundError `receipt-fork` where two checkpoints of one round are vouched for by more than f each; `receipt-unknown` (retry)
 * where sites hold a round's checkpoint but no record known here leads to its receipt
 */
export function resumePoint({
  statements,
  f,
  previous,
  isReceipt = () => true,
}: {
  statements: readonly Pick<ResumeStatement, 'site' | 'newestReceipt' | 'held'>[];
  f: number;
  previous: PreviousReceipt;
  isReceipt?: IsReceipt;
}): ClosedRound | null {
  const votes = new Map<string, Vote>();
  for (const statement of statements) {
    for (const vouched of vouchedBy(statement, previous)) count(votes, statement.site, vouched);
  }
  const proven = [...votes.values()].filter(({ sites }) => sites.size > f);
  requireNoFork(proven);
  const [newest] = proven.toSorted((a, b) => b.round - a.round);
  if (newest === undefined) return null;
  const { round, checkpoint } = newest;
  const receipt = mostNamed([...newest.receipts].filter(([name]) => isReceipt({ receipt: name, round, checkpoint })));
  if (receipt === undefined) {
    throw new WardroundError('receipt-unknown', 'the records that lead to the newest closed round are missing', {
      where: `round ${round}`,
      action: 'retry',
    });
  }
  return { receipt, round, checkpoint };
}

/**
 * The first attempt number of a session: above every one that any site sealed for. A claim that lies 2³² beyond what more than f sites
 * claim is no real one (no study has so many attempts) and is passed over, so that one liar cannot exhaust the numbers.
 */
export function attemptFloor(statements: readonly Pick<ResumeStatement, 'lastSealed'>[], f: number): number {
  const claims = statements.map(({ lastSealed }) => lastSealed?.attempt ?? 0).toSorted((a, b) => b - a);
  const credible = (claims[f] ?? 0) + 2 ** 32;
  return Math.max(0, ...claims.filter((claim) => claim <= credible)) + 1;
}

interface Vote {
  readonly round: number;
  readonly checkpoint: string;
  readonly sites: Set<string>;
  /** How often each receipt was named for this checkpoint: a rolled-forward round has two. */
  readonly receipts: Map<string, number>;
}

type Vouched = Omit<ClosedRound, 'receipt'> & { readonly receipt: string | null };

function vouchedBy(
  { newestReceipt, held }: Pick<ResumeStatement, 'newestReceipt' | 'held'>,
  previous: PreviousReceipt,
): Vouched[] {
  const chain: Vouched[] = [];
  for (let at: ClosedRound | null = newestReceipt; at !== null;) {
    chain.push(at);
    const before: ClosedRound | null = previous(at.receipt);
    at = before !== null && before.round < at.round ? before : null;
  }
  const named = new Set(chain.map(({ round, checkpoint }) => `${round} ${checkpoint}`));
  const only = held.filter(({ round, checkpoint }) => round > 0 && !named.has(`${round} ${checkpoint}`));
  return [...chain, ...only.map(({ round, checkpoint }) => ({ receipt: null, round, checkpoint }))];
}

function count(votes: Map<string, Vote>, site: string, { receipt, round, checkpoint }: Vouched): void {
  const key = `${round} ${checkpoint}`;
  const vote = votes.get(key) ?? { round, checkpoint, sites: new Set(), receipts: new Map() };
  votes.set(key, vote);
  vote.sites.add(site);
  if (receipt !== null) vote.receipts.set(receipt, (vote.receipts.get(receipt) ?? 0) + 1);
}

function requireNoFork(proven: readonly Vote[]): void {
  const byRound = new Map<number, string>();
  for (const { round, checkpoint } of proven) {
    const other = byRound.get(round);
    if (other !== undefined && other !== checkpoint) {
      throw new WardroundError('receipt-fork', 'two checkpoints of one round were cosigned', {
        where: `round ${round}`,
        action: 'stop',
      });
    }
    byRound.set(round, checkpoint);
  }
}

/** The most often named; of equals the first by digest, so that every reader picks the same. */
function mostNamed(receipts: readonly (readonly [string, number])[]): string | undefined {
  const [first] = receipts.toSorted(([a, m], [b, n]) => n - m || (a < b ? -1 : 1));
  return first?.[0];
}
