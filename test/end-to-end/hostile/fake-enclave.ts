// The coordinator plays the enclave: its own keys, vouched for by the genuine enclave's evidence. If a hospital believes it, it reads the update.
import { randomBytes } from 'node:crypto';
import { canonicalJson } from '@wardround/protocol/canonical-json';
import { fromBase64Url, toHex } from '@wardround/protocol/bytes';
import type { DocumentKind, DocumentOf } from '@wardround/protocol/documents/registry';
import { sign } from '@wardround/protocol/documents/signed';
import { generateHpkeKey } from '@wardround/protocol/hpke-keys';
import { generateSigningKey } from '@wardround/protocol/keys';
import { UNVERIFIED_peekDocument } from '@wardround/protocol/jws';
import { chunkLength, parseManifest } from '@wardround/protocol/manifest';
import { contributionInfo } from '@wardround/protocol/seal-context';
import { openStream } from '@wardround/protocol/sealed-stream';
import type { Attack, AttackTools, SeenRecord } from './attack.ts';
import { kindOf } from './views.ts';

const fromGenuineEnclave: ReadonlySet<string> = new Set([
  'SessionOpen',
  'EvidenceOffer',
  'RoundOrder',
  'RoundReceipt',
  'SealedModel',
]);

export async function fakeEnclave(): Promise<Attack> {
  const enclave = new FakeEnclave(await generateHpkeKey(), await generateHpkeKey());
  return {
    onRecord: async (record, tools) => await enclave.hear(record, tools),
    // The genuine challenge gets its answers, without which there is no genuine evidence; of sessions, hospitals hear of the attacker's only.
    show: (record, party) => (party.role === 'site' && fromGenuineEnclave.has(kindOf(record.jws)) ? [] : [record]),
  };
}

class FakeEnclave {
  readonly #receiptKey = generateSigningKey();
  readonly #sessionKey: Awaited<ReturnType<typeof generateHpkeKey>>;
  readonly #roundKey: Awaited<ReturnType<typeof generateHpkeKey>>;
  #challenge: string | null = null;
  #session: string | null = null;
  #order: string | null = null;

  constructor(
    sessionKey: Awaited<ReturnType<typeof generateHpkeKey>>,
    roundKey: Awaited<ReturnType<typeof generateHpkeKey>>,
  ) {
    this.#sessionKey = sessionKey;
    this.#roundKey = roundKey;
  }

  async hear(record: SeenRecord, tools: AttackTools): Promise<void> {
    const kind = kindOf(record.jws);
    // It needs the genuine enclave's evidence to abuse, so it begins when that is there.
    if (kind === 'EvidenceOffer' && this.#challenge === null) await this.#sendChallenge(record, tools);
    if (kind === 'ResumeStatement') await this.#open(record, tools);
    if (kind === 'Contribution') await this.#read(record, tools);
  }

  async #sendChallenge(record: SeenRecord, tools: AttackTools): Promise<void> {
    const offer = valueOf(record, 'EvidenceOffer');
    const signed = await sign(
      'SessionChallenge',
      {
        kind: 'SessionChallenge',
        version: 1,
        ...names(offer),
        receiptKey: this.#receiptKey.publicKey,
        nonce: toHex(randomBytes(32)),
        challengedAt: now(),
      },
      this.#receiptKey,
    );
    this.#challenge = signed.digest;
    tools.inject({ topic: record.topic, jws: signed.jws });
  }

  /** With the statements of all the sites, a session of the attacker's own, and genuine evidence relabelled for each site. */
  async #open({ topic }: SeenRecord, tools: AttackTools): Promise<void> {
    const genuine = lastOf(tools, 'SessionOpen');
    const mine = allOf(tools, 'ResumeStatement').filter(({ value }) => value.challenge === this.#challenge);
    if (
      this.#challenge === null ||
      this.#session !== null ||
      genuine === undefined ||
      mine.length < genuine.value.approvals.length
    )
      return;
    const statements = mine
      .map(({ value, digest }) => ({ site: value.site, statement: digest }))
      .toSorted((a, b) => (a.site < b.site ? -1 : 1));
    const open = await sign(
      'SessionOpen',
      {
        ...genuine.value,
        challenge: this.#challenge,
        statements,
        receiptKey: this.#receiptKey.publicKey,
        sessionKey: this.#sessionKey.publicKey,
        openedAt: now(),
      },
      this.#receiptKey,
    );
    this.#session = open.digest;
    tools.inject({ topic, jws: open.jws });
    for (const { value } of mine)
      await this.#offer(topic, { site: value.site, nonce: value.nonce, session: open.digest }, tools);
    await this.#sendOrder(topic, tools);
  }

  async #offer(topic: string, to: { site: string; nonce: string; session: string }, tools: AttackTools): Promise<void> {
    const stolen = lastOf(tools, 'EvidenceOffer');
    if (stolen === undefined) return;
    const evidence = JSON.parse(stolen.value.evidence) as { binding: object };
    const relabelled = { ...evidence, binding: { ...evidence.binding, nonce: to.nonce, sessionOpen: to.session } };
    const offer = { ...stolen.value, ...to, evidence: new TextDecoder().decode(canonicalJson(relabelled)) };
    tools.inject({ topic, jws: (await sign('EvidenceOffer', offer, this.#receiptKey)).jws });
  }

  async #sendOrder(topic: string, tools: AttackTools): Promise<void> {
    const genuine = await waitFor(() => lastOf(tools, 'RoundOrder'));
    const open = this.#session;
    if (open === null) return;
    const order = await sign(
      'RoundOrder',
      {
        ...genuine.value,
        session: open,
        roundKey: this.#roundKey.publicKey,
        issuedAt: now(),
        deadline: new Date(Date.now() + 60_000).toISOString(),
      },
      this.#receiptKey,
    );
    this.#order = order.digest;
    tools.inject({ topic, jws: order.jws });
  }

  async #read(record: SeenRecord, tools: AttackTools): Promise<void> {
    const contribution = valueOf(record, 'Contribution');
    if (contribution.order !== this.#order) return;
    const manifestBytes = await waitFor(() => tools.chunk(contribution.ciphertext.manifest));
    const manifest = parseManifest(manifestBytes, contribution.ciphertext);
    const source = manifest.chunks.map((digest) => tools.chunk(digest) ?? new Uint8Array());
    const opened = openStream({
      source,
      privateKey: this.#roundKey,
      enc: fromBase64Url(contribution.encapsulation),
      info: contributionInfo({ order: contribution.order, site: contribution.site }),
      chunkSize: manifest.chunks.length > 1 ? chunkLength(manifest, 0) - 16 : manifest.chunkSize - 16,
    });
    let bytes = 0;
    for await (const part of opened) bytes += part.byteLength;
    tools.success(`read ${bytes} bytes of the update of ${contribution.site}`);
  }
}

const now = (): string => new Date().toISOString();

function names({ federation, study }: { federation: string; study: string }): { federation: string; study: string } {
  return { federation, study };
}

function valueOf<K extends DocumentKind>(record: SeenRecord, _kind: K): DocumentOf<K> {
  return UNVERIFIED_peekDocument(record.jws).value as unknown as DocumentOf<K>;
}

function allOf<K extends DocumentKind>(tools: AttackTools, kind: K): { value: DocumentOf<K>; digest: string }[] {
  return tools.seen
    .filter((record) => kindOf(record.jws) === kind)
    .map((record) => ({ value: valueOf(record, kind), digest: UNVERIFIED_peekDocument(record.jws).digest }));
}

function lastOf<K extends DocumentKind>(
  tools: AttackTools,
  kind: K,
): { value: DocumentOf<K>; digest: string } | undefined {
  return allOf(tools, kind).at(-1);
}

async function waitFor<T>(look: () => T | undefined): Promise<T> {
  for (let i = 0; i < 600; i += 1) {
    const found = look();
    if (found !== undefined) return found;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error('waited in vain');
}
