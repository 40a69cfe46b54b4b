// What may go on the board: well-formed records of a kind that this connection may publish, under the topic they belong to.
// It is order in the house, not truth: whether a record's signer may say what it says is judged by each reader.
import type * as z from 'zod';
import { type DocumentKind, documentKinds, type DocumentOf } from '@wardround/protocol/documents/registry';
import { UNVERIFIED_kindOf, verify } from '@wardround/protocol/documents/signed';
import { WardroundError } from '@wardround/protocol/errors';
import { parseDocument } from '@wardround/protocol/jws';
import type { PublicKey } from '@wardround/protocol/keys';
import type { Topic } from '@wardround/protocol/relay-port';
import { type Identity, type Rights, rightsOf } from './identity.ts';
import type { Members } from './members.ts';
import type { BoardStore } from './store/board-store.ts';

export class Publication {
  readonly #board: BoardStore;
  readonly #members: Members;

  constructor({ board, members }: { board: BoardStore; members: Members }) {
    this.#board = board;
    this.#members = members;
  }

  /** @throws WardroundError `auth-unknown` for a party that was a member and is none any more */
  async rights(identity: Identity): Promise<Rights> {
    const rights = rightsOf(identity, await this.#members.standing(identity));
    if (rights === null) throw new WardroundError('auth-unknown', 'no longer a member of the federation on this board');
    return rights;
  }

  /**
   * Stores a record; resolves with its number when it is durable.
   *
   * @throws WardroundError `publish-kind`, `publish-unfounded`, `publish-federation`, `publish-topic`, `publish-study`, `publish-signature`, `document-*`, `jws-*`, `json-*`,
   * `store-failed`, `auth-unknown`
   */
  async publish({ identity, topic, jws }: { identity: Identity; topic: Topic; jws: string }): Promise<number> {
    const { kind, signer, digest, value } = UNVERIFIED_kindOf(jws);
    requireKind({ kind, identity, rights: await this.rights(identity) });
    if (kind === 'Genesis') await this.#requireFederation(digest);
    await this.#requireTopic(kind, topic);
    const schema: z.ZodType = documentKinds[kind].schema;
    parseDocument({ kind, schema, value });
    await requireFoundingSignature(kind, jws, value);
    const sequence = await this.#board.append({ topic, kind, document: digest, signer, jws });
    if (kind === 'Genesis' || kind === 'Membership') this.#members.changed();
    return sequence;
  }

  /** A second genesis would be another federation's; a coordinator serves one. */
  async #requireFederation(digest: string): Promise<void> {
    const federation = await this.#members.federation();
    if (federation === null || digest === federation) return;
    throw new WardroundError('publish-federation', 'this coordinator serves another federation', {
      expected: federation,
      got: digest,
    });
  }

  async #requireTopic(kind: DocumentKind, topic: Topic): Promise<void> {
    const belongs = documentKinds[kind].topic;
    if (belongs === 'connection' || (belongs === 'federation') !== (topic === 'federation')) {
      throw new WardroundError('publish-topic', 'this kind of record does not go there', {
        expected: belongs === 'study' ? "the study's digest" : belongs,
        got: topic,
      });
    }
    if (belongs === 'study' && !(await this.#board.hasStudy(topic))) {
      throw new WardroundError('publish-study', 'the board has no StudyPlan with this digest (yet)', {
        got: topic,
        action: 'retry',
      });
    }
  }
}

function requireKind({ kind, identity, rights }: { kind: DocumentKind; identity: Identity; rights: Rights }): void {
  if (rights.kinds === 'all' ? documentKinds[kind].topic !== 'connection' : rights.kinds.has(kind)) return;
  if (rights.topics === 'federation' && identity.role !== 'joining' && documentKinds[kind].topic !== 'connection') {
    throw new WardroundError('publish-unfounded', 'the board has no complete genesis that names this key (yet)', {
      where: kind,
      action: 'retry',
    });
  }
  throw new WardroundError('publish-kind', `a connection as ${identity.role} does not publish this kind`, {
    ...(rights.kinds === 'all' ? {} : { expected: [...rights.kinds].join(', ') }),
    got: kind,
  });
}

/** Founding records come under an invitation that many know, so at least their own signatures must hold. */
async function requireFoundingSignature(kind: DocumentKind, jws: string, value: unknown): Promise<void> {
  if (kind !== 'KeyBundle' && kind !== 'Genesis') return;
  try {
    if (kind === 'KeyBundle') await verify(kind, jws, [bundleKey(documentKinds.KeyBundle.schema.parse(value))]);
    else
      await verify(
        kind,
        jws,
        documentKinds.Genesis.schema.parse(value).sites.map((site) => site.keys.approval),
      );
  } catch (cause) {
    throw new WardroundError('publish-signature', 'not signed by a key that it names', { where: kind, cause });
  }
}

function bundleKey({ party }: DocumentOf<'KeyBundle'>): PublicKey {
  switch (party.role) {
    case 'site':
      return party.keys.approval;
    case 'researcher':
      return party.signing;
    case 'releaser':
      return party.key;
  }
}
