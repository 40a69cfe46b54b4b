// Fetching what is wanted: in order for each vendor, vendors side by side, again and again within a time budget. Whatever came, stays.
import { type ItemKey, keyName } from '@wardround/attestation/collateral/item-key';
import type { CollateralRoots, ItemFiles, VerifiedItem } from '@wardround/attestation/collateral/verified-item';
import { type Wanted, wantedForRim } from '@wardround/attestation/collateral/wanted';
import { WardroundError } from '@wardround/protocol/errors';
import { type Failure, failureOf } from './failure.ts';
import { type SendRequest, Unavailable } from './http.ts';
import type { Entered, MirrorWriter } from './mirror-writer.ts';
import { obtain, type VendorAddresses, vendorOf } from './vendors.ts';

/** Time and chance, given from outside so that tests own them. */
export interface Pace {
  readonly now: () => Date;
  readonly sleep: (milliseconds: number) => Promise<void>;
  /** Uniform in [0, 1). */
  readonly random: () => number;
}

export interface FetchOptions {
  readonly writer: MirrorWriter;
  readonly wanted: readonly Wanted[];
  readonly roots: CollateralRoots;
  readonly send: SendRequest;
  readonly addresses: VendorAddresses;
  readonly nvidiaApiKey?: string | undefined;
  readonly pace: Pace;
  /** Nothing is tried again, and nothing new asked for, once this long has passed. */
  readonly budgetMs: number;
  /** What was checked within this time is not asked for again. 0 asks for everything. */
  readonly freshMs: number;
  readonly note?: (line: string) => void;
}

interface Brought {
  /** `fresh`: it was there, and there was no need to ask. */
  readonly outcome: Entered['outcome'] | 'fresh';
  readonly verified: VerifiedItem;
}

export type FetchedItem =
  ({ readonly key: ItemKey } & Brought) | ({ readonly key: ItemKey; readonly outcome: 'failed' } & Failure);

/** One result for each item that was wanted, and for those that these led to. Never throws for what a vendor does. @throws WardroundError `collateral-unwritable` */
export async function fetchCollateral(options: FetchOptions): Promise<readonly FetchedItem[]> {
  const results = new Map<string, FetchedItem>();
  const queues = Map.groupBy(options.wanted, ({ key }) => vendorOf(key));
  const writing = new OneAtATime();
  await Promise.all(
    [...queues.values()].map(async (wanted) => await new VendorRun({ options, results, writing }).run(wanted)),
  );
  const asked = options.wanted.flatMap(({ key }) => results.get(keyName(key)) ?? []);
  return [...new Set([...asked, ...results.values()])];
}

/** Vendors are asked side by side, but the mirror has one writer. */
class OneAtATime {
  #last: Promise<unknown> = Promise.resolve();

  async run<T>(work: () => Promise<T>): Promise<T> {
    const mine = this.#last.then(work, work);
    this.#last = mine.catch(() => undefined);
    return await mine;
  }
}

interface Pending {
  readonly wanted: Wanted;
  readonly tries: number;
  readonly notBefore: number;
}

const backoff = { firstMs: 2_000, mostMs: 60_000 } as const;
/** What changes by itself never is asked for again before it nears its end. */
const lasting: ReadonlySet<ItemKey['kind']> = new Set(['amdCertChain', 'amdVcek', 'nvidiaRim']);
const nearEndMs = 30 * 86_400_000;

class VendorRun {
  readonly #options: FetchOptions;
  readonly #results: Map<string, FetchedItem>;
  readonly #writing: OneAtATime;
  readonly #deadline: number;
  /** A vendor that says "later" means all of its items. */
  #vendorNotBefore = 0;

  constructor(parts: { options: FetchOptions; results: Map<string, FetchedItem>; writing: OneAtATime }) {
    this.#options = parts.options;
    this.#results = parts.results;
    this.#writing = parts.writing;
    this.#deadline = parts.options.pace.now().getTime() + parts.options.budgetMs;
  }

  async run(wanted: readonly Wanted[]): Promise<void> {
    const queue: Pending[] = wanted.map((item) => ({ wanted: item, tries: 0, notBefore: 0 }));
    for (let next = takeEarliest(queue); next !== undefined; next = takeEarliest(queue)) {
      queue.push(...(await this.#attempt(next)));
    }
  }

  /** What is to be asked for after it: the item again, if it is worth it, or what it led to. */
  async #attempt(pending: Pending): Promise<readonly Pending[]> {
    const { key } = pending.wanted;
    // Brought already, because something else needed it.
    if (this.#results.has(keyName(key))) return [];
    if (!(await this.#waitFor(pending))) {
      this.#fail(key, unavailable('not asked for: the service wants more patience than --budget gives'));
      return [];
    }
    try {
      this.#results.set(keyName(key), { key, ...(await this.#bring(pending.wanted)) });
      return await this.#ledTo(key);
    } catch (error) {
      if (error instanceof Unavailable) return this.#later(pending, error);
      if (error instanceof WardroundError && error.code === 'collateral-unwritable') throw error;
      this.#fail(key, failureOf(error));
      return [];
    }
  }

  async #bring(wanted: Wanted): Promise<Brought> {
    const { key } = wanted;
    const held = await this.#options.writer.held(key);
    if (held !== null && this.#isFresh(held.verified, held.item.checkedAt))
      return { outcome: 'fresh', verified: held.verified };
    const { files, source } = await obtain(
      { key, chain: wanted.chain ?? held?.files.chain ?? null },
      {
        send: this.#options.send,
        addresses: this.#options.addresses,
        nvidiaApiKey: this.#options.nvidiaApiKey,
        now: this.#options.pace.now,
        need: async (other) => await this.#need(other),
      },
    );
    const now = this.#options.pace.now();
    const candidate = { key, files, source, mirroredAt: now, checkedAt: now };
    const { outcome, verified } = await this.#writing.run(async () => await this.#options.writer.enter(candidate));
    return { outcome, verified };
  }

  /** A chain that others need enters the mirror like any item, asked for by name or not. */
  async #need(key: ItemKey): Promise<ItemFiles> {
    const before = await this.#options.writer.held(key);
    if (before !== null && before.verified.validUntil > this.#options.pace.now()) return before.files;
    this.#results.set(keyName(key), { key, ...(await this.#bring({ key, chain: null })) });
    const after = await this.#options.writer.held(key);
    if (after !== null) return after.files;
    throw new WardroundError('collateral-chain-missing', 'its chain is not there', { where: keyName(key) });
  }

  /** Who signed a manifest shows when it is there; whether they are revoked is asked then. */
  async #ledTo(key: ItemKey): Promise<readonly Pending[]> {
    if (key.kind !== 'nvidiaRim') return [];
    const held = await this.#options.writer.held(key);
    if (held === null) return [];
    return wantedForRim(held.files.content, this.#options.roots)
      .filter((wanted) => !this.#results.has(keyName(wanted.key)))
      .map((wanted) => ({ wanted, tries: 0, notBefore: 0 }));
  }

  #isFresh({ key, validUntil }: VerifiedItem, checkedAt: string): boolean {
    const now = this.#options.pace.now().getTime();
    const { freshMs } = this.#options;
    if (freshMs === 0 || validUntil.getTime() <= now) return false;
    const age = now - Date.parse(checkedAt);
    return (age >= 0 && age < freshMs) || (lasting.has(key.kind) && validUntil.getTime() - now > nearEndMs);
  }

  /** False where the time budget ends before the item's turn comes. */
  async #waitFor({ notBefore }: Pending): Promise<boolean> {
    const { now, sleep } = this.#options.pace;
    const start = Math.max(notBefore, this.#vendorNotBefore);
    if (start > this.#deadline || now().getTime() > this.#deadline) return false;
    const wait = start - now().getTime();
    if (wait > 0) {
      this.#options.note?.(`waiting ${Math.ceil(wait / 1000)} s`);
      await sleep(wait);
    }
    return true;
  }

  #later({ wanted, tries }: Pending, { message, retryAfter }: Unavailable): readonly Pending[] {
    const { key } = wanted;
    const { now, random } = this.#options.pace;
    const present = now().getTime();
    if (retryAfter !== null) this.#vendorNotBefore = Math.max(this.#vendorNotBefore, present + retryAfter);
    // Between half and all of a doubling span, so that many hospitals that failed together do not come back together.
    const span = Math.min(backoff.firstMs * 2 ** tries, backoff.mostMs);
    const notBefore = Math.max(present + span * (0.5 + random() / 2), this.#vendorNotBefore);
    if (notBefore > this.#deadline) {
      this.#fail(key, unavailable(`${message}; given up after ${tries + 1} ${tries === 0 ? 'try' : 'tries'}`));
      return [];
    }
    this.#options.note?.(`${keyName(key)}: ${message}; again in ${Math.ceil((notBefore - present) / 1000)} s`);
    return [{ wanted, tries: tries + 1, notBefore }];
  }

  #fail(key: ItemKey, failure: Failure): void {
    this.#results.set(keyName(key), { key, outcome: 'failed', ...failure });
  }
}

function unavailable(message: string): Failure {
  return { code: 'collateral-unavailable', message };
}

function takeEarliest(queue: Pending[]): Pending | undefined {
  const [first, ...rest] = queue;
  if (first === undefined) return undefined;
  const earliest = rest.reduce((best, next) => (next.notBefore < best.notBefore ? next : best), first);
  queue.splice(queue.indexOf(earliest), 1);
  return earliest;
}
