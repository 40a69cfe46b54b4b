// Where a session goes on: one rule over the sites' statements, for the enclave that opens it and for each site that checks it.
import type { ResumeStatement } from './documents/session.ts';
import { WardroundError } from './errors.ts';

export interface ClosedRound {
  readonly receipt: string;
  readonly round: number;
  readonly checkpoint: string;
}

/** What the rule reads of a statement. */
export type Standing = Pick<ResumeStatement, 'site' | 'newestReceipt' | 'held'>;

export interface ResumeQuestion {
  /** One a site, at least q of the roster. */
  readonly statements: readonly Standing[];
  /** q of the roster. */
  readonly quorum: number;
  /** The receipt before the one with this digest, where its reader has the record; a statement vouches for its whole chain. */
  readonly previous: (receipt: string) => ClosedRound | null;
  /** Whether the reader can show that an enclave issued this receipt, of this round and checkpoint: a liar must not invent one. */
  readonly isReceipt: (closed: ClosedRound) => boolean;
  /** Receipts under which the reader sees q valid cosignatures. */
  readonly proven: readonly ClosedRound[];
}

/**
 * The round a session goes on from; null for the study's start.
 *
 * A result with q cosignatures is proven, whatever anybody states. Above the newest proven round the statements decide. A statement vouches
 * for the receipt it names, for those before it, and for the checkpoints it holds. **A round is passed over, to be run again, only where q
 * statements vouch for nothing of it or later; a result only where q statements do not vouch for it.** Any q of the statements' sites share
 * at least f + 1 with any q cosigners, of which one is honest and would have said so. Therefore, as long as at most f sites lie:
 *
 * - a result that q sites had cosigned when they made their statements is never passed over and never replaced, though f of its cosigners
 *   deny it, everybody else was not heard, and its cosignatures are hidden. What is cosigned after its cosigner's statement does not count;
 *   it becomes proven, and the session gives way to a new one;
 * - what is passed over leaves q sites that cosigned nothing of that round (f of them may lie about it): the new attempt can get its quorum;
 * - what is taken need not have q cosignatures. It is an enclave's receipt, so rolling it forward makes a true result of its round;
 * - readers of the same statements and receipts never take two different results, though one sees cosignatures that another does not.
 *
 * What remains: where two results of one round are vouched for and neither has q statements against it, nobody can know which has q
 * cosignatures, and the session waits (`receipt-undecided`) for another site's statement or for the cosignatures; it neither chooses nor
 * stops. With every site heard that takes honest cosigners of both results, or more liars than f. Where liars and silent sites together are
 * more than f, a liar can also make it wait for a receipt that does not exist (`receipt-unknown`).
 *
 * @throws WardroundError `receipt-fork` (stop) where two results of one round have q cosignatures each, which proves that more than f of
 * their cosigners are dishonest; `receipt-unknown` (retry) where records are missing; `receipt-undecided` (retry); `session-quorum`
 */
export function resumePoint(question: ResumeQuestion): ClosedRound | null {
  const proven = newestProven(question.proven);
  const standings = question.statements.map((statement) => standingOf(statement, question.previous));
  const round = reachedRound(standings, question.quorum);
  if (round <= (proven?.round ?? 0)) return proven;
  const results = resultsOf(round, standings);
  const possible = results.filter(({ against }) => against < question.quorum);
  if (possible.length > 1) throw undecided(round);
  const [only] = possible;
  return only === undefined ? mostVouched(results, question) : named(only, question);
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

/** The result of each round that a statement vouches for; an empty one where it contradicts itself, which no honest site's does. */
type StandingAt = ReadonlyMap<number, Vouched>;

interface Vouched {
  /** Null where a statement vouches for a later round and no record leads here from it: it may be any result. */
  readonly checkpoint: string | null;
  /** Null where only a held checkpoint tells. */
  readonly receipt: string | null;
}

/** One result of a round, or all that is not known of it. */
interface Result {
  readonly round: number;
  readonly checkpoint: string | null;
  readonly sites: number;
  /** Statements that do not vouch for it. */
  readonly against: number;
  /** How often each receipt was named for it: a rolled-forward round has two. */
  readonly receipts: ReadonlyMap<string, number>;
}

function newestProven(proven: readonly ClosedRound[]): ClosedRound | null {
  const byRound = new Map<number, ClosedRound>();
  for (const closed of proven.toSorted(byName)) {
    const other = byRound.get(closed.round);
    if (other !== undefined && other.checkpoint !== closed.checkpoint) {
      throw new WardroundError('receipt-fork', 'two results of one round have the cosignatures of a quorum each', {
        where: `round ${closed.round}`,
        action: 'stop',
      });
    }
    byRound.set(closed.round, other ?? closed);
  }
  return byRound.get(Math.max(0, ...byRound.keys())) ?? null;
}

function standingOf({ newestReceipt, held }: Standing, previous: ResumeQuestion['previous']): StandingAt {
  const vouched = new Map<number, Vouched>();
  for (let at: ClosedRound | null = newestReceipt; at !== null;) {
    vouched.set(at.round, { checkpoint: at.checkpoint, receipt: at.receipt });
    const before: ClosedRound | null = previous(at.receipt);
    at = before !== null && before.round < at.round ? before : null;
  }
  for (const { round, checkpoint } of held) {
    if (round === 0) continue;
    const known = vouched.get(round);
    if (known !== undefined && known.checkpoint !== checkpoint) return new Map();
    vouched.set(round, known ?? { checkpoint, receipt: null });
  }
  return vouched;
}

function reachOf(standing: StandingAt): number {
  return Math.max(0, ...standing.keys());
}

/** The newest round that fewer than q statements have not reached: the q-th lowest of what they reach. */
function reachedRound(standings: readonly StandingAt[], quorum: number): number {
  const round = standings.map(reachOf).toSorted((a, b) => a - b)[quorum - 1];
  if (round !== undefined) return round;
  throw new WardroundError('session-quorum', 'too few sites said where they stand', {
    expected: String(quorum),
    got: String(standings.length),
  });
}

function resultsOf(round: number, standings: readonly StandingAt[]): readonly Result[] {
  const vouching = standings
    .filter((standing) => reachOf(standing) >= round)
    .map((standing): Vouched => standing.get(round) ?? { checkpoint: null, receipt: null });
  const unknown = vouching.filter(({ checkpoint }) => checkpoint === null).length;
  return [...Map.groupBy(vouching, ({ checkpoint }) => checkpoint)].map(([checkpoint, those]) => ({
    round,
    checkpoint,
    sites: those.length,
    // Those whose records are missing may vouch for any result.
    against: standings.length - those.length - (checkpoint === null ? 0 : unknown),
    receipts: counted(those),
  }));
}

function counted(those: readonly Vouched[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const { receipt } of those) if (receipt !== null) counts.set(receipt, (counts.get(receipt) ?? 0) + 1);
  return counts;
}

/** None of them can have q cosignatures, but too few sites are free to cosign another: any that exists will do, and all pick the same. */
function mostVouched(results: readonly Result[], question: ResumeQuestion): ClosedRound {
  const known = results.flatMap((result) => {
    const closed = nameOf(result, question);
    return closed === undefined ? [] : [{ closed, sites: result.sites }];
  });
  const [first] = known.toSorted((a, b) => b.sites - a.sites || byName(a.closed, b.closed));
  if (first === undefined) throw unknownReceipt(results[0]?.round ?? 0);
  return first.closed;
}

function named(result: Result, question: ResumeQuestion): ClosedRound {
  const closed = nameOf(result, question);
  if (closed === undefined) throw unknownReceipt(result.round);
  return closed;
}

/** The receipt that is named most often and exists; of equals the first by digest, so that every reader picks the same. */
function nameOf({ round, checkpoint, receipts }: Result, { isReceipt }: ResumeQuestion): ClosedRound | undefined {
  if (checkpoint === null) return undefined;
  const sorted = [...receipts].toSorted(([a, m], [b, n]) => n - m || (a < b ? -1 : 1));
  return sorted.map(([receipt]) => ({ receipt, round, checkpoint })).find((closed) => isReceipt(closed));
}

function byName(a: ClosedRound, b: ClosedRound): number {
  return a.receipt < b.receipt ? -1 : 1;
}

function undecided(round: number): WardroundError {
  return new WardroundError('receipt-undecided', 'two results of one round may have been cosigned by a quorum', {
    where: `round ${round}`,
    action: 'retry',
  });
}

function unknownReceipt(round: number): WardroundError {
  return new WardroundError('receipt-unknown', 'the records that lead to the newest cosigned round are missing', {
    where: `round ${round}`,
    action: 'retry',
  });
}
