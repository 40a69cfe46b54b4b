// A mirror of vendors' collateral: each item verified as it enters and as it is used, a spoiled one alone is lost, an older one replaces nothing.
import { beforeAll, describe, expect, it } from 'vitest';
import type { Bytes } from '@wardround/protocol/bytes';
import { concatBytes, copyBytes, sha256, toHex, utf8 } from '@wardround/protocol/bytes';
import { WardroundError } from '@wardround/protocol/errors';
import { parseEvidenceBytes } from '@wardround/attestation/evidence';
import { emptyIndex, parseIndex, withItem } from '@wardround/attestation/collateral/index-document';
import type { CollateralIndex, MirroredItem } from '@wardround/attestation/collateral/index-document';
import type { ItemKey, KeyOf } from '@wardround/attestation/collateral/item-key';
import { keyName } from '@wardround/attestation/collateral/item-key';
import type { MirrorFiles } from '@wardround/attestation/collateral/read-mirror';
import { crlsOf, readMirror } from '@wardround/attestation/collateral/read-mirror';
import { recognise } from '@wardround/attestation/collateral/recognise';
import { beginsToRefuse } from '@wardround/attestation/collateral/refusal-date';
import type { CollateralRoots, ItemFiles, VerifiedItem } from '@wardround/attestation/collateral/verified-item';
import { genuineRoots, requireCurrent, requireMayReplace } from '@wardround/attestation/collateral/verified-item';
import { verifyItem } from '@wardround/attestation/collateral/verify-item';
import { wantedForEvidence, wantedForPolicy } from '@wardround/attestation/collateral/wanted';
import { canonicalJson } from '@wardround/protocol/canonical-json';
import { haveVectors, vector } from './vectors.ts';
import type { World } from './world.ts';
import { at, dayMs, evidenceOf, makeWorld, policyFor, vendorKeys } from './world.ts';

let world: World;
let roots: CollateralRoots;
let chain: Bytes;

beforeAll(async () => {
  await vendorKeys();
  world = await makeWorld('Genoa');
  roots = { simulated: [world.vendor.rootSha256] };
  chain = pemOf(world.intermediate, world.vendor.root);
}, 120_000);

function pemOf(...ders: readonly Uint8Array[]): Bytes {
  const block = (der: Uint8Array): string =>
    `-----BEGIN CERTIFICATE-----\n${Buffer.from(der).toString('base64')}\n-----END CERTIFICATE-----\n`;
  return utf8(ders.map(block).join(''));
}

const chainKey: KeyOf<'amdCertChain'> = { kind: 'amdCertChain', product: 'Genoa', signer: 'vcek' };
const crlKey: KeyOf<'amdCrl'> = { kind: 'amdCrl', product: 'Genoa', signer: 'vcek' };
const vcekKey = (): KeyOf<'amdVcek'> => ({
  kind: 'amdVcek',
  product: 'Genoa',
  chipId: toHex(world.chip.chipId),
  tcb: world.chip.tcb,
});

function codeOf(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    return error instanceof WardroundError ? error.code : `uncoded: ${String(error)}`;
  }
  return 'accepted';
}

interface Held {
  readonly key: ItemKey;
  readonly files: ItemFiles;
}

/** A mirror in memory, as a directory would hold it. */
function mirrorOf(
  held: readonly Held[],
): MirrorFiles & { readonly files: Map<string, Bytes>; document: CollateralIndex } {
  const files = new Map<string, Bytes>();
  const store = (bytes: Bytes): string => {
    files.set(toHex(sha256(bytes)), bytes);
    return toHex(sha256(bytes));
  };
  let document = emptyIndex;
  for (const { key, files: parts } of held) {
    const item: MirroredItem = {
      key,
      sha256: store(parts.content),
      bytes: parts.content.byteLength,
      chain: parts.chain === null ? null : store(parts.chain),
      source: 'https://vendor.example/item',
      mirroredAt: at.toISOString(),
      checkedAt: at.toISOString(),
    };
    document = withItem(document, item);
  }
  return { files, document, index: utf8(JSON.stringify(document)), file: (digest) => files.get(digest) ?? null };
}

function wholeMirror(): ReturnType<typeof mirrorOf> {
  return mirrorOf([
    { key: chainKey, files: { content: chain, chain: null } },
    { key: crlKey, files: { content: world.crl, chain } },
    { key: vcekKey(), files: { content: world.chip.certificate, chain } },
  ]);
}

describe('an item', () => {
  it('of each kind is verified, and says from when to when it holds', () => {
    const crl = verifyItem(crlKey, { content: world.crl, chain }, roots);
    expect(crl.issued).toEqual(new Date(at.getTime() - 3_600_000));
    expect(crl.validUntil).toEqual(new Date(at.getTime() + 90 * dayMs));
    expect(crl.simulated).toBe(true);
    expect(verifyItem(chainKey, { content: chain, chain: null }, roots).endorsements).toHaveLength(2);
    expect(verifyItem(vcekKey(), { content: world.chip.certificate, chain }, roots).endorsements).toHaveLength(1);
  });

  it('is refused at one wrong thing', async () => {
    const { vendor } = world;
    const other = await makeWorld('Turin');
    const otherChain = pemOf(other.intermediate, other.vendor.root);
    const strange = await vendor.issueCrl({ issuerKey: (await vendorKeys()).intermediate });
    const vlek = await vendor.issueIntermediate({ kind: 'VLEK' });
    const otherChip = await vendor.issueChip();
    const flipped = copyBytes(world.crl);
    flipped[flipped.length - 20] = (flipped[flipped.length - 20] ?? 0) ^ 1;
    const crl = { content: world.crl, chain };
    const table: readonly (readonly [string, string, ItemKey, ItemFiles, CollateralRoots?])[] = [
      ['good', 'accepted', crlKey, crl],
      ['nobody named the root', 'snp-root-untrusted', crlKey, crl, genuineRoots],
      ['another root named', 'snp-root-untrusted', crlKey, crl, { simulated: ['ab'.repeat(32)] }],
      ['no chain', 'collateral-chain-missing', crlKey, { ...crl, chain: null }],
      ['another product', 'collateral-other-item', { ...crlKey, product: 'Turin' }, crl],
      ['another signer', 'collateral-other-item', { ...crlKey, signer: 'vlek' }, crl],
      ['the chain of another product', 'collateral-other-item', crlKey, { ...crl, chain: otherChain }],
      ['signed by another key', 'crl-signature', crlKey, { content: strange, chain }],
      ['a flipped bit', 'crl-signature', crlKey, { content: flipped, chain }],
      ['truncated', 'crl-malformed', crlKey, { content: world.crl.slice(0, -1), chain }],
      ['a trailing byte', 'crl-malformed', crlKey, { content: concatBytes(world.crl, new Uint8Array(1)), chain }],
      ['a web page', 'pem-malformed', crlKey, { content: utf8('<html>Please sign in</html>'), chain }],
      ['nothing', 'pem-malformed', crlKey, { content: utf8(''), chain }],
      ['a certificate', 'crl-malformed', crlKey, { content: world.chip.certificate, chain }],
      [
        'intermediate of providers',
        'collateral-other-item',
        chainKey,
        { content: pemOf(vlek, vendor.root), chain: null },
      ],
      ['no root', 'collateral-other-item', chainKey, { content: pemOf(world.intermediate), chain: null }],
      [
        'a third certificate',
        'collateral-other-item',
        chainKey,
        { content: pemOf(world.intermediate, vlek, vendor.root), chain: null },
      ],
      ['another chip', 'collateral-other-item', vcekKey(), { content: otherChip.certificate, chain }],
      [
        'another TCB',
        'collateral-other-item',
        { ...vcekKey(), tcb: { ...world.chip.tcb, snp: 22 } },
        { content: world.chip.certificate, chain },
      ],
      ['no leaf', 'snp-leaf-missing', vcekKey(), { content: pemOf(vendor.root), chain }],
    ];
    for (const [what, code, key, files, whom] of table) {
      expect([what, codeOf(() => verifyItem(key, files, whom ?? roots))]).toEqual([what, code]);
    }
  });

  it('has a time, at both of its ends', () => {
    const crl = verifyItem(crlKey, { content: world.crl, chain }, roots);
    const code = (time: Date): string => codeOf(() => requireCurrent(crl, time));
    expect(code(crl.validFrom)).toBe('accepted');
    expect(code(new Date(crl.validFrom.getTime() - 1))).toBe('collateral-not-yet-valid');
    expect(code(crl.validUntil)).toBe('accepted');
    expect(code(new Date(crl.validUntil.getTime() + 1))).toBe('collateral-expired');
  });

  it('does not replace a newer one, nor one of another vendor', async () => {
    const issued = async (days: number): Promise<VerifiedItem> => {
      const content = await world.vendor.issueCrl({ thisUpdate: new Date(at.getTime() + days * dayMs) });
      return verifyItem(crlKey, { content, chain }, roots);
    };
    const [older, newer] = [await issued(-2), await issued(-1)];
    expect(codeOf(() => requireMayReplace(newer, older))).toBe('accepted');
    expect(codeOf(() => requireMayReplace(newer, newer))).toBe('accepted');
    expect(codeOf(() => requireMayReplace(older, newer))).toBe('collateral-older');
    expect(codeOf(() => requireMayReplace(newer, { ...older, simulated: false }))).toBe('collateral-other-vendor');
    // Intel's evaluation number decides before dates do.
    const evaluated = (edition: readonly number[]): VerifiedItem => ({ ...newer, edition });
    expect(codeOf(() => requireMayReplace(evaluated([17, 900]), evaluated([18, 100])))).toBe('collateral-older');
    expect(codeOf(() => requireMayReplace(evaluated([18, 100]), evaluated([17, 900])))).toBe('accepted');
    expect(codeOf(() => requireMayReplace(evaluated([18, 100]), evaluated([18, 101])))).toBe('collateral-older');
  });
});

describe('reading a mirror', () => {
  it('gives endorsements with which the verifier needs nothing from the bundle', () => {
    const { endorsements, held, refused } = readMirror(wholeMirror(), { at, roots });
    expect(refused).toEqual([]);
    expect(held.map(({ current }) => current)).toEqual([true, true, true]);
    expect(endorsements.map(({ type }) => type).toSorted()).toEqual([
      'certificate',
      'certificate',
      'certificate',
      'crl',
    ]);
    // As they are they fit into a bundle.
    const bundle = { ...evidenceOf(world), endorsements: [...endorsements] };
    expect(parseEvidenceBytes(canonicalJson(bundle))).toEqual(bundle);
  });

  it('loses to a spoiled file its own items and no other', () => {
    const mirror = wholeMirror();
    const crlDigest = toHex(sha256(world.crl));
    for (const [spoil, code] of [
      [(bytes: Bytes) => bytes.with(100, (bytes[100] ?? 0) ^ 4), 'collateral-digest'],
      [(bytes: Bytes) => bytes.slice(0, 50), 'collateral-digest'],
      [() => new Uint8Array(2 * 1024 * 1024), 'collateral-digest'],
      [() => null, 'collateral-file-missing'],
    ] as const) {
      const file = (digest: string): Uint8Array | null =>
        digest === crlDigest ? spoil(world.crl) : mirror.file(digest);
      const { held, refused } = readMirror({ ...mirror, file }, { at, roots });
      expect(refused.map(({ item, code: why }) => [item.key.kind, why])).toEqual([['amdCrl', code]]);
      expect(held).toHaveLength(2);
    }
  });

  it('never escapes as anything but a coded refusal, whatever bit of whatever file is flipped', () => {
    const mirror = wholeMirror();
    for (const [digest, bytes] of mirror.files) {
      for (let position = 0; position < bytes.byteLength; position += 37) {
        const flipped = bytes.with(position, (bytes[position] ?? 0) ^ (1 << (position % 8)));
        const file = (name: string): Uint8Array | null => (name === digest ? flipped : mirror.file(name));
        const { refused } = readMirror({ ...mirror, file }, { at, roots });
        expect(refused.length).toBeGreaterThan(0);
        for (const { code } of refused) expect(code).toBe('collateral-digest');
      }
    }
  });

  it('refuses an item whose index entry names another file that is there', () => {
    const mirror = wholeMirror();
    const swapped = mirror.document.items.map((item) =>
      item.key.kind === 'amdCrl' ? { ...item, sha256: toHex(sha256(world.chip.certificate)) } : item,
    );
    const index = utf8(JSON.stringify({ ...mirror.document, items: swapped }));
    const { refused } = readMirror({ ...mirror, index }, { at, roots });
    expect(refused.map(({ code }) => code)).toEqual(['crl-malformed']);
  });

  it('keeps what a list revokes when the list is out of date, and nothing else that is', () => {
    const late = new Date(at.getTime() + 8 * 365 * dayMs);
    const { endorsements, held } = readMirror(wholeMirror(), { at: late, roots });
    // The chip's certificate ends after seven years, the list after 90 days, the authorities after ten years.
    expect(held.map(({ item, current }) => [item.key.kind, current])).toEqual([
      ['amdCertChain', true],
      ['amdCrl', false],
      ['amdVcek', false],
    ]);
    expect(endorsements.map(({ type }) => type)).toEqual(['certificate', 'certificate', 'crl']);
    expect(crlsOf(endorsements)).toEqual([world.crl]);
  });

  it('believes no simulated vendor unless somebody names it', () => {
    const { held, refused, endorsements } = readMirror(wholeMirror(), { at, roots: genuineRoots });
    expect([held, endorsements]).toEqual([[], []]);
    expect(refused.map(({ code }) => code)).toEqual(Array(3).fill('snp-root-untrusted'));
  });
});

describe('the index', () => {
  it('is read strictly', () => {
    const good = wholeMirror().document;
    const [first, ...rest] = good.items;
    if (first === undefined) throw new Error('no items');
    const table: readonly (readonly [string, unknown])[] = [
      ['another kind', { ...good, kind: 'Index' }],
      ['another version', { ...good, version: 2 }],
      ['an unknown key', { ...good, note: 'x' }],
      ['an item twice', { ...good, items: [first, first, ...rest] }],
      ['out of order', { ...good, items: good.items.toReversed() }],
      ['an unknown kind of item', { ...good, items: [{ ...first, key: { kind: 'amdRoot' } }] }],
      ['a path where a digest belongs', { ...good, items: [{ ...first, sha256: '../../etc/passwd' }] }],
      ['upper-case digest', { ...good, items: [{ ...first, sha256: first.sha256.toUpperCase() }] }],
      ['no instant', { ...good, items: [{ ...first, mirroredAt: 'yesterday' }] }],
      ['an id that steers an address', { ...good, items: [{ ...first, key: { kind: 'nvidiaRim', id: '../x?y' } }] }],
    ];
    expect(parseIndex(utf8(JSON.stringify(good)))).toEqual(good);
    for (const [what, value] of table) {
      expect([what, codeOf(() => parseIndex(utf8(JSON.stringify(value))))]).toEqual([what, 'collateral-index']);
    }
    for (const text of [
      '',
      '{',
      'null',
      '[]',
      JSON.stringify(good).slice(0, -1),
      '{"kind":"CollateralIndex","kind":"x"}',
    ])
      expect(codeOf(() => parseIndex(utf8(text)))).toBe('collateral-index');
  });

  it('gives each item one name', () => {
    const names = [
      ...wantedForPolicy(policyFor(world)),
      vcekKey(),
      { ...vcekKey(), tcb: { ...world.chip.tcb, snp: 1 } },
      { kind: 'intelTcbInfo', fmspc: '00906ed50000' } as const,
    ].map(keyName);
    expect(new Set(names).size).toBe(names.length);
  });
});

describe('when a policy begins to refuse', () => {
  it('is the earlier of the list’s end and of the policy’s maximum age', () => {
    const verified = verifyItem(crlKey, { content: world.crl, chain }, roots);
    const policy = policyFor(world);
    const withAge = (days: number): Date | null =>
      beginsToRefuse(verified, {
        ...policy,
        collateral: { ...policy.collateral, maxCrlAgeSeconds: days * 86_400 },
      }).at;
    expect(withAge(30)).toEqual(new Date(verified.issued.getTime() + 30 * dayMs));
    expect(withAge(400)).toEqual(verified.validUntil);
    expect(beginsToRefuse(verified, null).at).toEqual(verified.validUntil);
  });
});

describe('what is wanted', () => {
  it('for a policy: what it accepts, and for a report: its chip at its TCB too', () => {
    expect(wantedForPolicy(policyFor(world)).map(keyName)).toEqual([
      'amdCertChain Genoa vcek',
      'amdCrl Genoa vcek',
      'amdCertChain Turin vcek',
      'amdCrl Turin vcek',
    ]);
    expect(wantedForEvidence(evidenceOf(world).evidence, roots).map(({ key }) => keyName(key))).toEqual([
      'amdCertChain Genoa vcek',
      'amdCrl Genoa vcek',
      keyName(vcekKey()),
    ]);
  });
});

describe.skipIf(!haveVectors)('genuine collateral of AMD', () => {
  const genoa = (): Bytes => vector('snp/chains/ask_ark_genoa.pem');

  it('is accepted from its root, at its time', () => {
    const crl = verifyItem(crlKey, { content: vector('snp/crl/openpcc_genoa.crl.der'), chain: genoa() }, genuineRoots);
    expect([crl.simulated, crl.issued.toISOString(), crl.validUntil.toISOString()]).toEqual([
      false,
      '2024-10-23T04:36:24.000Z',
      '2025-11-03T01:00:00.000Z',
    ]);
    expect(codeOf(() => requireCurrent(crl, new Date('2025-01-01T00:00:00Z')))).toBe('accepted');
    expect(codeOf(() => requireCurrent(crl, at))).toBe('collateral-expired');
  });

  it('tells two editions of Milan’s list apart', () => {
    const files = recognise(
      [
        { name: 'chain.pem', bytes: vector('snp/chains/ask_ark_milan.pem') },
        { name: 'new.crl', bytes: vector('snp/crl/milan-2026-06-22.crl.der') },
        { name: 'old.crl', bytes: vector('snp/crl/openpcc_milan.crl.der') },
        { name: 'report.bin', bytes: vector('snp/ms-tee-av/milan_attestation_report.bin') },
      ],
      at,
    );
    expect(files.unknown).toEqual(['report.bin']);
    const verified = files.items.map(({ name, key, files: parts }) => ({
      name,
      item: verifyItem(key, parts, genuineRoots),
    }));
    const [newer, older] = ['new.crl', 'old.crl'].map((name) => verified.find((entry) => entry.name === name)?.item);
    if (newer === undefined || older === undefined) throw new Error('not recognised');
    expect(codeOf(() => requireMayReplace(older, newer))).toBe('collateral-older');
    expect(codeOf(() => requireMayReplace(newer, older))).toBe('accepted');
  });

  it('is told by its content, whatever its name, with the certificates of whoever signed it', () => {
    const turin = [
      { name: 'a', bytes: vector('snp/ms-tee-av/turin_vcek.pem') },
      { name: 'b', bytes: vector('snp/ms-tee-av/turin_ask.pem') },
      { name: 'c', bytes: vector('snp/ms-tee-av/turin_ark.pem') },
    ];
    const { items, unknown } = recognise(turin, at);
    expect(unknown).toEqual([]);
    expect(items.map(({ key }) => keyName(key))).toEqual([
      'amdCertChain Turin vcek',
      'amdVcek Turin 59790fb1c39f35c1 1.1.1.4.81',
    ]);
    for (const { key, files } of items) expect(verifyItem(key, files, genuineRoots).simulated).toBe(false);
    // Without its root nothing can be said of it.
    expect(recognise(turin.slice(0, 2), at).items).toEqual([]);
    expect(recognise(turin.slice(0, 2), at).unknown).toEqual(['a', 'b']);
  });
});
