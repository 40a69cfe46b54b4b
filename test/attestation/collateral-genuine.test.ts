// Genuine collateral of Intel and NVIDIA, as somebody downloaded it: told by its content, verified from the pinned roots, at its time.
import { describe, expect, it } from 'vitest';
import type { Bytes } from '@wardround/protocol/bytes';
import { sha256, toHex, utf8 } from '@wardround/protocol/bytes';
import { WardroundError } from '@wardround/protocol/errors';
import { endorsementSchema } from '@wardround/attestation/evidence';
import { emptyIndex, withItem } from '@wardround/attestation/collateral/index-document';
import { keyName } from '@wardround/attestation/collateral/item-key';
import { readMirror } from '@wardround/attestation/collateral/read-mirror';
import type { Recognised } from '@wardround/attestation/collateral/recognise';
import { recognise } from '@wardround/attestation/collateral/recognise';
import { beginsToRefuse } from '@wardround/attestation/collateral/refusal-date';
import { requireUsableAt } from '@wardround/attestation/collateral/usable';
import type { VerifiedItem } from '@wardround/attestation/collateral/verified-item';
import { genuineRoots, requireMayReplace } from '@wardround/attestation/collateral/verified-item';
import { verifyItem } from '@wardround/attestation/collateral/verify-item';
import { wantedForRim, wantedForTdxQuote } from '@wardround/attestation/collateral/wanted';
import { haveVectors, vector } from './vectors.ts';

const wholeCollateral = 'tdx/dcap-qvl/tdx_quote_outdated_collateral.json';
const inFebruary = new Date('2026-02-20T00:00:00Z');
const driver = 'nvidia/attestation-sdk/NV_GPU_DRIVER_GH100_550.144.03.xml';

function files(...paths: readonly string[]): { name: string; bytes: Bytes }[] {
  return paths.map((name) => ({ name, bytes: vector(name) }));
}

function codeOf(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    return error instanceof WardroundError ? error.code : `uncoded: ${String(error)}`;
  }
  return 'accepted';
}

function verified({ key, files: parts }: Recognised): VerifiedItem {
  return verifyItem(key, parts, genuineRoots);
}

function only(items: readonly Recognised[], name: string): Recognised {
  const [found, ...more] = items.filter(({ key }) => keyName(key) === name);
  if (found === undefined || more.length > 0) throw new Error(`not exactly one ${name}`);
  return found;
}

describe.skipIf(!haveVectors)('genuine collateral of Intel', () => {
  it('in one file, as tools write it, is four items, which are one for a verifier', () => {
    const { items, unknown } = recognise(files(wholeCollateral), inFebruary);
    expect(unknown).toEqual([]);
    expect(items.map(({ key }) => keyName(key)).toSorted()).toEqual([
      'intelPckCrl platform',
      'intelQeIdentity',
      'intelRootCrl',
      'intelTcbInfo 90c06f000000',
    ]);
    const bytes = new Map<string, Bytes>();
    const index = items.reduce((document, { key, files: { content, chain } }) => {
      for (const part of [content, chain]) if (part !== null) bytes.set(toHex(sha256(part)), part);
      return withItem(document, {
        key,
        sha256: toHex(sha256(content)),
        bytes: content.byteLength,
        chain: chain === null ? null : toHex(sha256(chain)),
        source: 'test',
        mirroredAt: inFebruary.toISOString(),
        checkedAt: inFebruary.toISOString(),
      });
    }, emptyIndex);
    const mirror = { index: utf8(JSON.stringify(index)), file: (digest: string) => bytes.get(digest) ?? null };
    const reading = readMirror(mirror, { at: inFebruary, roots: genuineRoots });
    expect(reading.refused).toEqual([]);
    expect(reading.endorsements.map((endorsement) => endorsementSchema.parse(endorsement).type)).toEqual([
      'crl',
      'crl',
      'tdxCollateral',
    ]);
    // Once the lists are out of date, there is no whole any more; what they revoke stays revoked.
    const late = readMirror(mirror, { at: new Date('2026-04-05T00:00:00Z'), roots: genuineRoots });
    expect(late.held.every(({ current }) => !current)).toBe(true);
    expect(late.endorsements.map(({ type }) => type)).toEqual(['crl', 'crl']);
  });

  it('says until when it holds, and which is the newer', () => {
    const { items } = recognise(files(wholeCollateral, 'tdx/go-tdx-guest/sample_tcbinfo_response_v5'), inFebruary);
    const [first, second, ...more] = items.filter(({ key }) => key.kind === 'intelTcbInfo').map(verified);
    if (first === undefined || second === undefined || more.length > 0) throw new Error('not two');
    expect([first.issued, second.issued].map((date) => date.toISOString().slice(0, 10))).toEqual([
      '2026-02-18',
      '2026-02-01',
    ]);
    expect(first.validUntil.toISOString().slice(0, 10)).toBe('2026-03-20');
    expect(codeOf(() => requireMayReplace(second, first))).toBe('collateral-older');
    expect(codeOf(() => requireMayReplace(first, second))).toBe('accepted');
  });

  it('is refused at one wrong thing', () => {
    const { items } = recognise(files(wholeCollateral, 'tdx/dcap-qvl/tdx_quote_collateral.json'), inFebruary);
    const tcbInfo = only(items, 'intelTcbInfo 90c06f000000');
    const other = only(items, 'intelTcbInfo b0c06f000000');
    const pckCrl = items.find(({ key }) => key.kind === 'intelPckCrl');
    const rootCrl = items.find(({ key }) => key.kind === 'intelRootCrl');
    const identity = items.find(({ key }) => key.kind === 'intelQeIdentity');
    if (pckCrl === undefined || rootCrl === undefined || identity === undefined) throw new Error('not whole');
    const text = Buffer.from(tcbInfo.files.content).toString('latin1');
    const edited = utf8(text.replace('"tcbEvaluationDataNumber":18', '"tcbEvaluationDataNumber":19'));
    const spaced = utf8(text.replace('"id":"TDX"', '"id": "TDX"'));
    const table: readonly (readonly [string, string, Recognised, Partial<Recognised['files']>])[] = [
      ['good', 'accepted', tcbInfo, {}],
      ['another evaluation number', 'tdx-collateral-signature', tcbInfo, { content: edited }],
      ['a space more', 'tdx-collateral-signature', tcbInfo, { content: spaced }],
      ['another family', 'collateral-other-item', { ...tcbInfo, key: other.key }, {}],
      ['an identity in its place', 'tdx-collateral-malformed', tcbInfo, { content: identity.files.content }],
      ['no chain', 'collateral-chain-missing', tcbInfo, { chain: null }],
      ['the chain of the list', 'collateral-other-item', tcbInfo, { chain: pckCrl.files.chain }],
      ['the chain of the documents', 'collateral-other-item', pckCrl, { chain: tcbInfo.files.chain }],
      [
        'the other authority',
        'collateral-other-item',
        { ...pckCrl, key: { kind: 'intelPckCrl', ca: 'processor' } },
        {},
      ],
      ['the root’s list as an authority’s', 'crl-signature', pckCrl, { content: rootCrl.files.content }],
      ['an authority’s list as the root’s', 'crl-signature', rootCrl, { content: pckCrl.files.content }],
      ['the root’s list with any chain', 'accepted', rootCrl, { chain: pckCrl.files.chain }],
      ['nothing', 'tdx-collateral-malformed', tcbInfo, { content: utf8('') }],
    ];
    for (const [what, code, item, parts] of table) {
      const attempt = (): unknown => verifyItem(item.key, { ...item.files, ...parts }, genuineRoots);
      expect([what, codeOf(attempt)]).toEqual([what, code]);
    }
  });

  it('is what a quote is said to need', () => {
    expect(wantedForTdxQuote(vector('tdx/go-tdx-guest/quote_v5_sample.dat')).map(keyName)).toEqual([
      'intelTcbInfo 90c06f000000',
      'intelQeIdentity',
      'intelPckCrl platform',
      'intelRootCrl',
    ]);
  });
});

describe.skipIf(!haveVectors)('genuine manifests of NVIDIA', () => {
  it('are told by their name, verified, and lead to the questions whether their signers are revoked', () => {
    const { items, unknown } = recognise(
      files(driver, 'nvidia/nvtrust/1010_0200_882_96005E0001_PROD.swidtag'),
      inFebruary,
    );
    // What its id is, that file's name does not say.
    expect(unknown).toEqual(['nvidia/nvtrust/1010_0200_882_96005E0001_PROD.swidtag']);
    const [item] = items;
    if (item === undefined) throw new Error('not recognised');
    expect(keyName(item.key)).toBe('nvidiaRim NV_GPU_DRIVER_GH100_550.144.03');
    const rim = verified(item);
    expect([rim.issued, rim.validUntil].map((date) => date.toISOString().slice(0, 10))).toEqual([
      '2024-12-30',
      '2026-12-30',
    ]);
    expect(wantedForRim(item.files.content, genuineRoots)).toHaveLength(3);
  });

  it('may be used for good if they held when they were mirrored, and enter only while they hold', () => {
    const rim = verifyItem(
      { kind: 'nvidiaRim', id: 'NV_GPU_DRIVER_GH100_550.144.03' },
      { content: vector(driver), chain: null },
      genuineRoots,
    );
    const [before, during, after] = ['2024-12-01', '2025-06-01', '2027-06-01'].map(
      (day) => new Date(`${day}T00:00:00Z`),
    );
    if (before === undefined || during === undefined || after === undefined) throw new Error('three days');
    const code = (at: Date, mirroredAt: Date): string => codeOf(() => requireUsableAt(rim, { at, mirroredAt }));
    expect(code(during, during)).toBe('accepted');
    expect(code(after, during)).toBe('accepted');
    expect(code(after, after)).toBe('collateral-expired');
    // A mirror whose clock ran ahead proves nothing of today.
    expect(code(during, after)).toBe('accepted');
    expect(code(before, before)).toBe('collateral-not-yet-valid');
    expect(beginsToRefuse(rim, null).at).toEqual(rim.validUntil);
  });

  it('are refused where they are another’s, or changed', () => {
    const content = vector(driver);
    const text = Buffer.from(content).toString('latin1');
    const id = 'NV_GPU_DRIVER_GH100_550.144.03';
    const table: readonly (readonly [string, string, string, Bytes])[] = [
      ['good', 'accepted', id, content],
      ['another version’s id', 'collateral-other-item', 'NV_GPU_DRIVER_GH100_550.144.04', content],
      ['an edited version', 'xml-signature', id, utf8(text.replace('550.144.03', '550.144.04'))],
      ['a truncated text', 'xml-malformed', id, content.slice(0, -40)],
      [
        'a chain that is none',
        'nvidia-chain',
        id,
        vector('nvidia/attestation-sdk/incorrect_cert_chain_driver_rim.xml'),
      ],
      ['a spoiled signature', 'xml-signature', id, vector('nvidia/attestation-sdk/incorrect_signature_driver_rim.xml')],
    ];
    const seen = table.map(([what, , name, bytes]) => [
      what,
      codeOf(() => verifyItem({ kind: 'nvidiaRim', id: name }, { content: bytes, chain: null }, genuineRoots)),
    ]);
    expect(seen).toEqual(table.map(([what, code]) => [what, code]));
  });
});
