// Whose keys the federation on the board names now. This only keeps strangers out: nobody else believes the coordinator's reading of it.
import { WardroundError } from '@wardround/protocol/errors';
import { applyMemberships, type FederationView, foundFederation } from '@wardround/protocol/federation-view';
import { thumbprint } from '@wardround/protocol/keys';
import { UNVERIFIED_kindOf } from '@wardround/protocol/documents/signed';
import type { Logger } from 'pino';
import type { Identity, Standing } from './identity.ts';
import type { BoardStore } from './store/board-store.ts';

interface Known {
  /** Names by thumbprint. A site's person (approval key) may connect as well as its agent: both sign records of their own. */
  readonly site: ReadonlyMap<string, string>;
  readonly researcher: ReadonlyMap<string, string>;
  /** The federation that is served here is not on the board. */
  readonly lost: boolean;
}

/** Which federation this coordinator serves: configured, or the first that was complete. Kept beside the board, so that it outlives it. */
export interface FederationPin {
  readonly federation: string | null;
  readonly remember: (federation: string) => Promise<void>;
}

export class Members {
  readonly #board: BoardStore;
  readonly #pin: FederationPin;
  readonly #log: Logger;
  #known: Promise<Known> | null = null;

  constructor({ board, pin, log }: { board: BoardStore; pin: FederationPin; log: Logger }) {
    this.#board = board;
    this.#pin = pin;
    this.#log = log;
  }

  /** The board has a Genesis or Membership that it had not: read it again when it next matters. */
  changed(): void {
    this.#known = null;
  }

  /** Whether the federation names this key for this role, under this name. */
  async standing({ role, name, key }: Pick<Identity, 'role' | 'name' | 'key'>): Promise<Standing> {
    if (role !== 'site' && role !== 'researcher') return 'stranger';
    const known = await this.#read();
    if (known[role].get(key) === name) return 'member';
    return known.lost ? 'unknowable' : 'stranger';
  }

  /** Digest of the genesis that counts here; null before there is one. */
  async federation(): Promise<string | null> {
    await this.#read();
    return this.#pin.federation;
  }

  async #read(): Promise<Known> {
    const reading = this.#known ?? this.#readBoard();
    this.#known = reading;
    try {
      return await reading;
    } catch (error) {
      if (this.#known === reading) this.#known = null;
      throw error;
    }
  }

  async #readBoard(): Promise<Known> {
    const view = await this.#view();
    if (view === null) return { site: new Map(), researcher: new Map(), lost: this.#pin.federation !== null };
    if (this.#pin.federation === null) await this.#pin.remember(view.federation);
    const { sites, researchers } = view;
    return {
      site: new Map(
        sites.flatMap(({ name, keys }) => [
          [thumbprint(keys.agent), name],
          [thumbprint(keys.approval), name],
        ]),
      ),
      researcher: new Map(researchers.map(({ name, signing }) => [thumbprint(signing), name])),
      lost: false,
    };
  }

  async #view(): Promise<FederationView | null> {
    const geneses = await this.#board.ofKinds('federation', ['Genesis']);
    const founded = await this.#firstComplete(geneses);
    if (founded === null) return null;
    try {
      return await applyMemberships(founded, await this.#board.ofKinds('federation', ['Membership']));
    } catch (error) {
      // A fork means that more than f sites signed twice. Which branch holds is for people; until then the founders may speak.
      this.#log.error({ err: error }, 'the memberships on the board contradict each other');
      return founded;
    }
  }

  async #firstComplete(geneses: readonly string[]): Promise<FederationView | null> {
    const digests = new Set(
      this.#pin.federation === null ? geneses.map((jws) => UNVERIFIED_kindOf(jws).digest) : [this.#pin.federation],
    );
    for (const digest of digests) {
      const found = await foundFederation(geneses, digest).catch((error: unknown) => {
        if (error instanceof WardroundError) return null;
        throw error;
      });
      if (found !== null) return found;
    }
    return null;
  }
}
