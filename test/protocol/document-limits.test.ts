// The size of a document by its kind: the largest honest one fits, and a larger one is refused before its payload is read.
import { describe, expect, it } from 'vitest';
import { toBase64Url } from '@wardround/protocol/bytes';
import { canonicalJson } from '@wardround/protocol/canonical-json';
import { limitsOf } from '@wardround/protocol/documents/limits';
import {
  type DocumentKind,
  documentKinds,
  type DocumentOf,
  isDocumentKind,
} from '@wardround/protocol/documents/registry';
import { sign, UNVERIFIED_kindOf, verify } from '@wardround/protocol/documents/signed';
import { describeError } from '@wardround/protocol/errors';
import { maxJwsLength, typOf } from '@wardround/protocol/jws';
import { generateSigningKey } from '@wardround/protocol/keys';

const key = generateSigningKey();
const kinds = Object.keys(documentKinds).filter(isDocumentKind);
const at = '2026-11-03T00:00:00.000Z';
const digest = 'f'.repeat(64);
const many = <T>(length: number, make: (site: string) => T): T[] =>
  Array.from({ length }, (_, i) => make(`s${String(i).padStart(4, '0')}${'-long'.repeat(11)}-ab`));
const names = { federation: digest, study: digest, session: digest } as const;
const hpkeKey = { kem: 'MLKEM768-X25519', key: 'A'.repeat(1622) } as const;
const name = 'N'.repeat(60);

/** Sites and researchers each have keys of their own. */
function genesis(): DocumentOf<'Genesis'> {
  let keys = 0;
  const signing = (): { kty: 'OKP'; crv: 'Ed25519'; x: string } => ({
    kty: 'OKP',
    crv: 'Ed25519',
    x: String((keys += 1)).padStart(43, 'A'),
  });
  return {
    kind: 'Genesis',
    version: 1,
    federation: 'large',
    createdAt: at,
    colludingSites: 300,
    sites: many(1000, (site) => ({
      name: site,
      displayName: name,
      keys: { approval: signing(), agent: signing(), witness: signing() },
    })),
    researchers: many(1000, (site) => ({
      name: site,
      displayName: name,
      signing: signing(),
      receiving: { ...hpkeKey, key: String((keys += 1)).padStart(1622, 'A') },
    })),
    releasers: [],
    log: { mode: 'unwitnessed' },
  };
}

function sessionOpen(): DocumentOf<'SessionOpen'> {
  return {
    kind: 'SessionOpen',
    version: 1,
    federation: digest,
    membership: digest,
    study: digest,
    challenge: digest,
    approvals: many(1000, (site) => ({ site, approval: digest })),
    statements: many(1000, (site) => ({ site, statement: digest })),
    resumesFrom: { receipt: digest, round: 1, checkpoint: digest },
    attemptFloor: 1,
    receiptKey: key.publicKey,
    sessionKey: hpkeKey,
    configuration: digest,
    release: digest,
    log: { mode: 'witnessed', checkpoint: 'c'.repeat(2000) },
    openedAt: at,
  };
}

function receipt(): DocumentOf<'RoundReceipt'> {
  const one = { contribution: digest, payload: digest, approval: digest, weight: 2 ** 30 };
  return {
    kind: 'RoundReceipt',
    version: 1,
    ...names,
    order: digest,
    task: 'update',
    round: 1,
    attempt: 1,
    previous: digest,
    rollsForward: digest,
    contributors: many(1000, (site) => ({ site, ...one })),
    totalWeight: 2 ** 31,
    absentees: many(1000, (site) => ({ site, code: 'no-contribution' })),
    survivors: digest,
    base: digest,
    model: digest,
    checkpoint: digest,
    result: null,
    noise: { mode: 'none' },
    evidence: many(1000, (site) => ({ site, evidence: digest })),
    backend: 'b'.repeat(2000),
    closedAt: at,
  };
}

function order(): DocumentOf<'RoundOrder'> {
  return {
    kind: 'RoundOrder',
    version: 1,
    ...names,
    task: 'update',
    phase: 'whole',
    round: 1,
    attempt: 1,
    base: { checkpoint: digest, model: digest },
    roster: many(1000, (site) => ({ name: site, agent: digest, weight: 2 ** 30 })),
    rollsForward: null,
    roundKey: hpkeKey,
    maskMaterial: null,
    issuedAt: at,
    deadline: at,
  };
}

function contribution(): DocumentOf<'Contribution'> {
  const header = { ring: 'int32', stepLog2: -24, weighting: 'byEnclave' } as const;
  const shape = [4096, 4096, 4096, 4096];
  return {
    kind: 'Contribution',
    version: 1,
    ...names,
    order: digest,
    site: 'a',
    task: 'update',
    phase: 'whole',
    round: 1,
    attempt: 1,
    base: digest,
    weight: 1,
    approval: digest,
    tensors: many(2000, (tensor) => ({ name: tensor, shape, ...header })),
    payload: digest,
    encapsulation: 'A'.repeat(1494),
    ciphertext: { manifest: digest, size: 2 ** 40 },
  };
}

function sealedModel(): DocumentOf<'SealedModel'> {
  const one = { encapsulation: 'A'.repeat(1494), wrappedKey: 'A'.repeat(342) };
  return {
    kind: 'SealedModel',
    version: 1,
    ...names,
    receipt: digest,
    round: 1,
    checkpoint: digest,
    ciphertext: { manifest: digest, size: 2 ** 40 },
    recipients: many(1000, (site) => ({ site, ...one })),
  };
}

function offer(): DocumentOf<'EvidenceOffer'> {
  const evidence = `{"evidence":"${'A'.repeat(1_490_000)}"}`;
  return { kind: 'EvidenceOffer', version: 1, ...names, site: 'a', nonce: digest, evidence };
}

function stop(): DocumentOf<'StudyStop'> {
  const detail = '€'.repeat(2000);
  return { kind: 'StudyStop', version: 1, ...names, round: 1, code: 'shortfall', detail, stoppedAt: at };
}

describe('the largest honest document', () => {
  it.each([
    ['Genesis', async () => await sign('Genesis', genesis(), key)],
    ['SessionOpen', async () => await sign('SessionOpen', sessionOpen(), key)],
    ['RoundReceipt', async () => await sign('RoundReceipt', receipt(), key)],
    ['RoundOrder', async () => await sign('RoundOrder', order(), key)],
    ['Contribution', async () => await sign('Contribution', contribution(), key)],
    ['SealedModel', async () => await sign('SealedModel', sealedModel(), key)],
    ['EvidenceOffer', async () => await sign('EvidenceOffer', offer(), key)],
    ['StudyStop', async () => await sign('StudyStop', stop(), key)],
  ] as const)('of kind %s is signed and read', async (kind, make) => {
    const { jws } = await make();
    expect(UNVERIFIED_kindOf(jws).kind).toBe(kind);
    expect((await verify(kind, jws, [key.publicKey])).jws).toBe(jws);
  });
});

function unsigned(kind: DocumentKind, payload: string): string {
  const header = canonicalJson({ alg: 'EdDSA', kid: key.thumbprint, typ: typOf(kind) });
  return `${toBase64Url(header)}.${payload}.${'A'.repeat(86)}`;
}

describe('a document that is too large for its kind', () => {
  it.each(kinds)('%s: is refused by its length, whatever stands in it', async (kind) => {
    const longest = maxJwsLength(limitsOf(kind));
    const short = unsigned(kind, '');
    const jws = unsigned(kind, '!'.repeat(longest + 1 - short.length));
    const refusal = {
      code: 'jws-too-large',
      expected: `at most ${longest} characters`,
      got: `${longest + 1} characters`,
    };
    expect(() => UNVERIFIED_kindOf(jws)).toThrow(expect.objectContaining(refusal));
    await expect(verify(kind, jws, [key.publicKey])).rejects.toMatchObject(refusal);
    expect(() => UNVERIFIED_kindOf(jws.replace('!', ''))).toThrow(expect.objectContaining({ code: 'jws-format' }));
  });

  it.each(kinds)('%s: is refused by how many values it has', async (kind) => {
    const { maxValues } = limitsOf(kind);
    const text = (count: number): string => `[${Array.from({ length: count - 1 }, () => '0').join(',')}]`;
    const jws = (count: number): string => unsigned(kind, toBase64Url(new TextEncoder().encode(text(count))));
    expect(() => UNVERIFIED_kindOf(jws(maxValues + 1))).toThrow(expect.objectContaining({ code: 'json-values' }));
    expect(UNVERIFIED_kindOf(jws(maxValues)).kind).toBe(kind);
  });

  it('is never signed either', async () => {
    const header = { ring: 'int32', stepLog2: -24, weighting: 'byEnclave' } as const;
    const large = many(3900, (tensor) => ({ name: tensor, shape: [1], ...header }));
    const many8 = many(4000, (tensor) => ({ name: tensor.slice(0, 5), shape: [1, 1, 1, 1, 1, 1, 1, 1], ...header }));
    for (const [tensors, code] of [
      [large, 'json-too-large'],
      [many8, 'json-values'],
    ] as const) {
      const refused = sign('Contribution', { ...contribution(), tensors }, key).then(
        () => 'signed',
        (error: unknown) => describeError(error).code,
      );
      expect(await refused).toBe(code);
    }
  });
});
