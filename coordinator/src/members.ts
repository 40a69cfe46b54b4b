// Whose keys the federation on the board names now. This only keeps strangers out: nobody else believes the coordinator's reading of it.
import { WardroundError } from '@wardround/protocol/errors';
import { applyMemberships, type FederationView, foundFederation } from '@wardround/protocol/federation-view';
import { thumbprint } from '@wardround/protocol/keys';
import { UNVERIFIED_kindOf } from '@wardround/protocol/documents/signed';
import type { Logger } from 'pino';
import type { Identity } from './identity.ts';
import type { BoardStore } from './store/board-store.ts';

interface Known {
  /** Names by thumbprint. A site's person (approval key) may connect as well as its agent: both sign records of their own. */
  readonly site: ReadonlyMap<string, string>;
  readonly researcher: ReadonlyMap<string, string>;
}

const nobody: Known = { site: new Map(), researcher: new Map() };

export class Members {
  readonly #board: BoardStore;
  readonly #pinned: string | null;
  readonly #log: Logger;
  #known: Promise<Known> | null = null;

  constructor({ board, pinned, log }: { board: BoardStore; pinned: string | null; log: Logger }) {
    this.#board = board;
    this.#pinned = pinned;
    this.#log = log;
  }

  /** The board has a Genesis or Membership that it had not: read it again when it next matters. */
  changed(): void {
    this.#known = null;
  }

  /** Whether the federation names this key for this role, under this name. */
  async isMember({ role, name, key }: Pick<Identity, 'role' | 'name' | 'key'>): Promise<boolean> {
    if (role !== 'site' && role !== 'researcher') return false;
    return (await this.#read())[role].get(key) === name;
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
    if (view === null) return nobody;
    const { sites, researchers } = view;
    return {
      site: new Map(
        sites.flatMap(({ name, keys }) => [
          [thumbprint(keys.agent), name],
          [thumbprint(keys.approval), name],
        ]),
      ),
      researcher: new Map(researchers.map(({ name, signing }) => [thumbprint(signing), name])),
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
      this.#pinned === null ? geneses.map((jws) => UNVERIFIED_kindOf(jws).digest) : [this.#pinned],
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
