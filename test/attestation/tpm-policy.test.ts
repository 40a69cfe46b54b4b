// What a site accepts of a TPM: whose key, how strong, and what every register must hold. One thing wrong, one exact refusal.
import 'reflect-metadata';
import { generateKeyPairSync, webcrypto } from 'node:crypto';
import {
  BasicConstraintsExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  PublicKey,
  X509CertificateGenerator,
  X509CrlGenerator,
} from '@peculiar/x509';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Bytes } from '@wardround/protocol/bytes';
import { concatBytes, copyBytes, sha256, toHex, utf8 } from '@wardround/protocol/bytes';
import type { TpmRules } from '@wardround/attestation/policy/tpm-rules';
import { tpmRulesSchema } from '@wardround/attestation/policy/tpm-rules';
import { parseEventLog } from '@wardround/attestation/event-log/event-log';
import { separator } from '@wardround/attestation/event-log/event-types';
import { replayEventLog } from '@wardround/attestation/event-log/replay';
import { StepLog } from '@wardround/attestation/steps';
import type { TpmRoot } from '@wardround/attestation/tpm/roots';
import type { AttestedConfiguration } from '@wardround/attestation/tpm/validate';
import { tpmValidationSteps, validateTpm } from '@wardround/attestation/tpm/validate';
import { verifyTpmQuote } from '@wardround/attestation/tpm/verify';
import { eventOf, logOf } from './event-log-writer.ts';
import type { KeyPair, Parts } from './tpm-writer.ts';
import {
  appraise,
  at,
  bitmapOf,
  digestOf,
  failuresOf,
  indexed,
  nonce,
  p256Key,
  p384Key,
  pemOf,
  quoteOf,
  registers,
  rsaKey,
  selectionOf,
  sha384Registers,
  signatureOf,
} from './tpm-writer.ts';

const waived = { waived: { reason: 'a test', until: '2027-01-01T00:00:00.000Z' } };
const expired = { waived: { reason: 'a test', until: '2026-01-01T00:00:00.000Z' } };

const hexOf = (index: number): string => toHex(registers.get(index) ?? new Uint8Array());
const image = { pcrs: { '0': hexOf(0), '4': hexOf(4), '7': hexOf(7), '8': hexOf(8) } };
const rules: TpmRules = {
  bank: 'sha256',
  attestationKey: { origin: 'attested', rsa: { minimumBits: 2048 }, ec: { curves: ['P-256'] } },
  images: [image],
  secureBoot: 'required',
  consoleDisabled: 'required',
};
const configured: AttestedConfiguration = { secureBoot: true, consoleEnabled: false, tpmEnabled: true };

interface Case {
  readonly rules?: Partial<TpmRules>;
  readonly parts?: Parts;
  readonly key?: KeyPair;
  readonly origin?: 'attested' | 'given';
  readonly configuration?: AttestedConfiguration | 'absent' | 'unproved';
}

/** Steps of the policy alone, as `step: code` for what failed and `step –` for what could not be judged. */
function judge(given: Case = {}): readonly string[] {
  const { key = rsaKey, parts = {}, configuration = configured } = given;
  const quote = parts.quote ?? quoteOf();
  const ecdsa = key !== rsaKey;
  const evidence = {
    signature: signatureOf(quote, key, ecdsa ? 'ecdsa' : 'rsassa'),
    pcrs: indexed('sha256', registers),
    nonce,
    eventLog: undefined,
    crls: [],
    roots: [],
    at,
    ...parts,
    quote,
  };
  const before = new StepLog();
  const source =
    given.origin === 'given'
      ? ({ kind: 'given', key: parts.key ?? pemOf(key.publicKey), certificates: parts.certificates ?? [] } as const)
      : ({ kind: 'attested', publicKey: key.publicKey } as const);
  const appraisal = verifyTpmQuote({ ...evidence, key: { name: 'ak', held: true, value: source } }, before);
  const log = new StepLog();
  const outcome =
    configuration === 'absent'
      ? undefined
      : configuration === 'unproved'
        ? ({ name: 'hcl-claims', held: false } as const)
        : ({ name: 'hcl-claims', held: true, value: configuration } as const);
  validateTpm(appraisal, { rules: { ...rules, ...given.rules }, at, configuration: outcome }, log);
  expect(log.steps.map(({ name }) => name)).toEqual(tpmValidationSteps);
  return log.steps
    .filter(({ status }) => status !== 'ok')
    .map(({ name, code, status }) => (status === 'failed' ? `${name}: ${code ?? ''}` : `${name} –`));
}

describe('a quote that the policy wants', () => {
  it('passes every step', () => {
    expect(judge()).toEqual([]);
  });

  it('may match any one image, or a waiver', () => {
    const other = { pcrs: { ...image.pcrs, '4': '00'.repeat(32) } };
    expect(judge({ rules: { images: [other, image] } })).toEqual([]);
    expect(judge({ rules: { images: [{ pcrs: { ...other.pcrs, '4': waived } }] } })).toEqual([]);
    expect(judge({ key: p256Key })).toEqual([]);
  });

  it('may leave registers unextended', () => {
    const values = new Map([...registers, [9, new Uint8Array(32)]]);
    const quote = quoteOf({
      selections: [selectionOf(0x0b, bitmapOf(values.keys()))],
      pcrDigest: digestOf('sha256', values),
    });
    const images = [{ pcrs: { ...image.pcrs, '9': 'unextended' } }];
    expect(judge({ rules: { images }, parts: { quote, pcrs: indexed('sha256', values) } })).toEqual([]);
  });
});

describe('a quote with one thing that the policy does not want', () => {
  const wrong = '00'.repeat(32);
  const of = (pcrs: TpmRules['images'][number]['pcrs']): Partial<TpmRules> => ({ images: [{ pcrs }] });
  const keyRules = (changed: Partial<TpmRules['attestationKey']>): Partial<TpmRules> => ({
    attestationKey: { ...rules.attestationKey, ...changed },
  });
  const certificate = { certificate: { revocation: 'required' } } as const;
  const cases: readonly (readonly [string, Case, readonly string[]])[] = [
    ['no nonce', { parts: { nonce: undefined } }, ['tpm-fresh –']],
    ['another nonce', { parts: { nonce: utf8('another') } }, ['tpm-fresh –']],
    ['a bare key', { origin: 'given' }, ['ak-origin: tpm-ak-origin']],
    [
      'a bare key where a certificate is wanted',
      { origin: 'given', rules: keyRules({ origin: certificate }) },
      ['ak-origin: tpm-ak-origin'],
    ],
    [
      'an attested key where a certificate is wanted',
      { rules: keyRules({ origin: certificate }) },
      ['ak-origin: tpm-ak-origin'],
    ],
    [
      'RSA-2048 where 3072 are wanted',
      { rules: keyRules({ rsa: { minimumBits: 3072 } }) },
      ['ak-strength: tpm-ak-strength'],
    ],
    ['RSA where none is wanted', { rules: keyRules({ rsa: 'refused' }) }, ['ak-strength: tpm-ak-strength']],
    ['P-384 where P-256 is wanted', { key: p384Key }, ['ak-strength: tpm-ak-strength']],
    [
      'a curve where none is wanted',
      { key: p256Key, rules: keyRules({ ec: 'refused' }) },
      ['ak-strength: tpm-ak-strength'],
    ],
    ['another bank', { rules: { bank: 'sha384' } }, ['pcr-selection: tpm-pcr-bank', 'pcr-image –']],
    [
      'a register less',
      { rules: of({ ...image.pcrs, '9': waived }) },
      ['pcr-selection: tpm-pcr-selection', 'pcr-image –'],
    ],
    ['a register more', { rules: of({ '0': hexOf(0) }) }, ['pcr-selection: tpm-pcr-selection', 'pcr-image –']],
    ['another value', { rules: of({ ...image.pcrs, '7': wrong }) }, ['pcr-image: tpm-pcr-value']],
    ['an extended register', { rules: of({ ...image.pcrs, '7': 'unextended' }) }, ['pcr-image: tpm-pcr-value']],
    ['an expired waiver', { rules: of({ ...image.pcrs, '7': expired }) }, ['pcr-image: policy-waiver-expired']],
    [
      'a register that no log explains',
      { rules: of({ ...image.pcrs, '7': 'replayed' }) },
      ['pcr-image: tpm-pcr-unexplained'],
    ],
    [
      'half of one image and half of another',
      { rules: { images: [{ pcrs: { ...image.pcrs, '4': wrong } }, { pcrs: { ...image.pcrs, '8': wrong } }] } },
      ['pcr-image: tpm-pcr-value'],
    ],
    [
      'values that were not quoted',
      { parts: { pcrs: { form: 'ordered', values: [] } } },
      ['pcr-selection –', 'pcr-image –'],
    ],
    ['no values', { parts: { pcrs: undefined } }, ['pcr-selection –', 'pcr-image –']],
    ['no Secure Boot', { configuration: { ...configured, secureBoot: false } }, ['secure-boot: tpm-secure-boot']],
    ['a console', { configuration: { ...configured, consoleEnabled: true } }, ['console: tpm-console']],
    ['a configuration that was not proved', { configuration: 'unproved' }, ['secure-boot –', 'console –']],
    ['no configuration and no log', { configuration: 'absent' }, ['secure-boot –', 'console: tpm-console-unknown']],
    [
      'expired waivers',
      { rules: { secureBoot: expired, consoleDisabled: expired } },
      ['secure-boot: policy-waiver-expired', 'console: policy-waiver-expired'],
    ],
    [
      'a quote by another key',
      { parts: { signature: signatureOf(quoteOf(), rsaKey).with(20, 0) } },
      ['pcr-selection –', 'pcr-image –'],
    ],
  ];

  it.each(cases)('%s', (_, given, expected) => {
    expect(judge(given)).toEqual(expected);
  });

  it('but waived', () => {
    const given = { secureBoot: waived, consoleDisabled: waived };
    expect(judge({ rules: given, configuration: 'absent' })).toEqual([]);
  });
});

describe('Secure Boot by the log of PCR 7', () => {
  const driverConfig = 0x8000_0001;
  const guid = Buffer.from('61dfe48bca93d211aa0d00e098032b8c', 'hex');
  const variable = (name: string, value: Uint8Array): Bytes => {
    const lengths = Buffer.alloc(16);
    lengths.writeBigUInt64LE(BigInt(name.length));
    lengths.writeBigUInt64LE(BigInt(value.byteLength), 8);
    return concatBytes(guid, lengths, Buffer.from(name, 'utf16le'), value);
  };
  const measured = (data: Uint8Array, digestsOf: Uint8Array = data): Bytes =>
    eventOf({ register: 7, type: driverConfig, data, digestsOf });
  const end = eventOf({ register: 7, type: separator, data: new Uint8Array(4) });
  const on = variable('SecureBoot', Uint8Array.of(1));
  const off = variable('SecureBoot', Uint8Array.of(0));

  const cases: readonly (readonly [string, readonly Uint8Array[], readonly string[]])[] = [
    ['on', [measured(on), measured(variable('PK', utf8('key'))), end], []],
    ['off', [measured(off), end], ['secure-boot: tpm-secure-boot']],
    ['empty', [measured(variable('SecureBoot', new Uint8Array())), end], ['secure-boot: tpm-secure-boot']],
    ['never measured', [measured(variable('PK', utf8('key'))), end], ['secure-boot: tpm-secure-boot-unknown']],
    ['measured twice', [measured(off), measured(on), end], ['secure-boot: tpm-secure-boot-unknown']],
    ['measured after the separator', [end, measured(on)], ['secure-boot: tpm-secure-boot-unknown']],
    ['without a separator', [measured(on)], ['secure-boot: tpm-secure-boot-unknown']],
    ['said, while something else was measured', [measured(on, off), end], ['secure-boot: tpm-secure-boot-unknown']],
    [
      'of another event',
      [eventOf({ register: 7, type: 0x0d, data: on }), end],
      ['secure-boot: tpm-secure-boot-unknown'],
    ],
    ['with lengths that lie', [measured(on.with(16, 200)), end], ['secure-boot: tpm-secure-boot-unknown']],
    [
      'with lengths beyond all numbers',
      [measured(on.fill(0xff, 16, 32)), end],
      ['secure-boot: tpm-secure-boot-unknown'],
    ],
  ];

  it.each(cases)('%s', (_, events, expected) => {
    const eventLog = logOf({ events });
    const value = replayEventLog(parseEventLog(eventLog, 'pcr'), 'sha256').registers.get(7) ?? new Uint8Array();
    const values = new Map([...registers, [7, value]]);
    const quote = quoteOf({ pcrDigest: digestOf('sha256', values) });
    const images = [{ pcrs: { ...image.pcrs, '7': 'replayed' } }];
    const given = { images, consoleDisabled: waived };
    expect(
      judge({ rules: given, configuration: 'absent', parts: { quote, pcrs: indexed('sha256', values), eventLog } }),
    ).toEqual(expected);
  });

  it('needs PCR 7 in the quote', () => {
    const values = new Map([[0, sha256(utf8('x'))]]);
    const quote = quoteOf({ selections: [selectionOf(0x0b, bitmapOf([0]))], pcrDigest: digestOf('sha256', values) });
    const parts = { quote, pcrs: indexed('sha256', values), eventLog: logOf({ events: [measured(on), end] }) };
    const given = { images: [{ pcrs: { '0': waived } }], consoleDisabled: waived };
    expect(judge({ rules: given, configuration: 'absent', parts })).toEqual(['secure-boot: tpm-secure-boot-unknown']);
  });
});

/** A maker of TPMs of our own: root, intermediate, and certificates for keys, in RSA with SHA-256. */
class Maker {
  readonly algorithm = { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' };
  readonly root = generateKeyPairSync('rsa', { modulusLength: 2048 });
  readonly intermediate = generateKeyPairSync('rsa', { modulusLength: 2048 });

  async certify(
    subject: string,
    key: KeyPair,
    issuer: { name: string; key: KeyPair },
    changed: Changed = {},
  ): Promise<Bytes> {
    const authority = [
      new BasicConstraintsExtension(true, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
    ];
    const certificate = await X509CertificateGenerator.create(
      {
        serialNumber: changed.serial ?? '01',
        subject: `CN=${subject}`,
        issuer: `CN=${issuer.name}`,
        notBefore: changed.notBefore ?? new Date('2026-01-01T00:00:00Z'),
        notAfter: changed.notAfter ?? new Date('2027-01-01T00:00:00Z'),
        publicKey: new PublicKey(copyBytes(key.publicKey.export({ type: 'spki', format: 'der' }))),
        signingKey: issuer.key.privateKey.toCryptoKey(this.algorithm, false, ['sign']),
        signingAlgorithm: this.algorithm,
        extensions: changed.authority === true ? authority : [],
      },
      webcrypto,
    );
    return copyBytes(new Uint8Array(certificate.rawData));
  }

  async crl(
    issuer: { name: string; key: KeyPair },
    revoked: readonly string[],
    nextUpdate = new Date('2026-12-31T00:00:00Z'),
  ): Promise<Bytes> {
    const crl = await X509CrlGenerator.create(
      {
        issuer: `CN=${issuer.name}`,
        thisUpdate: new Date('2026-11-01T00:00:00Z'),
        nextUpdate,
        entries: revoked.map((serialNumber) => ({ serialNumber, revocationDate: at })),
        signingKey: issuer.key.privateKey.toCryptoKey(this.algorithm, false, ['sign']),
        signingAlgorithm: this.algorithm,
      },
      webcrypto,
    );
    return copyBytes(new Uint8Array(crl.rawData));
  }
}

interface Changed {
  readonly serial?: string;
  readonly authority?: boolean;
  readonly notBefore?: Date;
  readonly notAfter?: Date;
}

describe('a key with a certificate', () => {
  const maker = new Maker();
  const [rootName, middleName] = ['TPM Root', 'TPM Intermediate'];
  const asRoot = { name: rootName, key: maker.root };
  const asMiddle = { name: middleName, key: maker.intermediate };
  let root: Bytes;
  let middle: Bytes;
  let leaf: Bytes;
  let crls: readonly Bytes[];

  beforeAll(async () => {
    root = await maker.certify(rootName, maker.root, asRoot, { authority: true });
    middle = await maker.certify(middleName, maker.intermediate, asRoot, { authority: true, serial: '02' });
    leaf = await maker.certify('TPM', rsaKey, asMiddle, { serial: '03' });
    crls = [await maker.crl(asRoot, []), await maker.crl(asMiddle, [])];
  });

  const roots = (): readonly TpmRoot[] => [{ name: 'google-cloud', sha256: toHex(sha256(root)) }];
  const fail = (parts: Parts): readonly string[] =>
    failuresOf(appraise({ key: leaf, certificates: [middle, root], roots: roots(), ...parts }).log);

  it('is authentic, with every step of the chain ok', () => {
    const { appraisal, log } = appraise({ key: leaf, certificates: [root, middle], roots: roots(), crls });
    expect(log.steps.filter(({ status }) => status !== 'ok').map(({ name }) => name)).toEqual(['pcr-event-log']);
    expect(appraisal.authentic).toBe(true);
  });

  it('is accepted by a policy that wants one, unless nobody knows whether it is revoked', () => {
    const origin = { certificate: { revocation: 'required' } } as const;
    const given = { origin: 'given', rules: { attestationKey: { ...rules.attestationKey, origin } } } as const;
    const parts = { key: leaf, certificates: [middle, root], roots: roots() };
    expect(judge({ ...given, parts: { ...parts, crls } })).toEqual([]);
    expect(judge({ ...given, parts })).toEqual(['ak-origin –']);
    const open = { certificate: { revocation: waived } };
    expect(
      judge({ origin: 'given', rules: { attestationKey: { ...rules.attestationKey, origin: open } }, parts }),
    ).toEqual([]);
    expect(judge({ origin: 'given', parts: { ...parts, crls } })).toEqual(['ak-origin: tpm-ak-origin']);
  });

  it('is refused with one thing wrong', async () => {
    const foreign = { name: middleName, key: maker.root };
    const forged = await maker.certify('TPM', rsaKey, foreign);
    const ofLeaf = { name: 'TPM', key: rsaKey };
    const below = await maker.certify('Below', rsaKey, ofLeaf);
    const self = await maker.certify('TPM', rsaKey, ofLeaf);
    const ca = await maker.certify('TPM', rsaKey, asMiddle, { authority: true });
    const weakMiddle = await maker.certify(middleName, maker.intermediate, asRoot, { serial: '04' });
    const late = await maker.certify('TPM', rsaKey, asMiddle, { notBefore: new Date('2026-12-01T00:00:00Z') });
    const old = await maker.certify('TPM', rsaKey, asMiddle, { notAfter: new Date('2026-11-01T00:00:00Z') });
    const otherKey = await maker.certify('TPM', generateKeyPairSync('rsa', { modulusLength: 2048 }), asMiddle);
    const twin = await maker.certify(middleName, maker.root, asRoot, { authority: true });
    const cases: readonly (readonly [string, Parts, readonly string[]])[] = [
      ['a root that nobody pinned', { roots: [] }, ['ak-chain: tpm-ak-root-untrusted']],
      ['no intermediate', { certificates: [root] }, ['ak-chain: tpm-ak-chain-incomplete']],
      ['no root', { certificates: [middle] }, ['ak-chain: tpm-ak-chain-incomplete']],
      ['two intermediates of one name', { certificates: [middle, twin, root] }, ['ak-chain: tpm-ak-chain-ambiguous']],
      ['a leaf signed by another', { key: forged }, ['ak-chain: tpm-ak-chain']],
      ['a leaf that is an authority', { key: ca }, ['ak-chain: tpm-ak-chain']],
      ['a leaf that vouches for itself', { key: self }, ['ak-chain: tpm-ak-chain']],
      ['an intermediate that is none', { certificates: [weakMiddle, root] }, ['ak-chain: tpm-ak-chain']],
      ['a certificate below a leaf', { key: below, certificates: [leaf, middle, root] }, ['ak-chain: tpm-ak-chain']],
      ['not yet valid', { key: late }, ['ak-validity: tpm-ak-not-yet-valid']],
      ['expired', { key: old }, ['ak-validity: tpm-ak-expired']],
      ['another key', { key: otherKey }, ['tpm-signature: tpm-quote-signature']],
      ['a list of the root alone', { crls: crls.slice(0, 1) }, ['ak-revocation: tpm-ak-crl-missing']],
      ['revoked', { crls: [...crls, await maker.crl(asMiddle, ['03'])] }, ['ak-revocation: tpm-ak-revoked']],
      [
        'an intermediate revoked',
        { crls: [...crls, await maker.crl(asRoot, ['02'])] },
        ['ak-revocation: tpm-ak-revoked'],
      ],
      [
        'a list signed by another',
        { crls: [...crls, await maker.crl(foreign, [])] },
        ['ak-revocation: tpm-ak-crl-signature'],
      ],
      [
        'lists out of date',
        { crls: [await maker.crl(asRoot, []), await maker.crl(asMiddle, [], new Date('2026-11-02T00:00:00Z'))] },
        ['ak-revocation: tpm-ak-crl-stale'],
      ],
      ['a list that is none', { crls: [utf8('list')] }, ['ak-revocation: pem-malformed']],
    ];
    for (const [what, parts, expected] of cases) expect(fail(parts), what).toEqual(expected);
  });
});

describe('the rules themselves', () => {
  const parse = (value: unknown): boolean => tpmRulesSchema.safeParse(value).success;

  it('are strict, and nothing has a default', () => {
    expect(parse(rules)).toBe(true);
    for (const key of Object.keys(rules)) {
      const without = Object.fromEntries(Object.entries(rules).filter(([name]) => name !== key));
      expect(parse(without), key).toBe(false);
    }
    expect(parse({ ...rules, extra: 1 })).toBe(false);
  });

  it.each([
    ['SHA-1', { bank: 'sha1' }],
    ['no image', { images: [] }],
    ['an image of no register', { images: [{ pcrs: {} }] }],
    ['register 24', { images: [{ pcrs: { '24': 'replayed' } }] }],
    ['register 07', { images: [{ pcrs: { '07': 'replayed' } }] }],
    ['a value of another bank', { images: [{ pcrs: { '7': 'ab'.repeat(48) } }] }],
    ['a value in upper case', { images: [{ pcrs: { '7': 'AB'.repeat(32) } }] }],
    ['RSA-1024', { attestationKey: { ...rules.attestationKey, rsa: { minimumBits: 1024 } } }],
    ['no curve', { attestationKey: { ...rules.attestationKey, ec: { curves: [] } } }],
    ['secure boot not required, without a reason', { secureBoot: 'notRequired' }],
  ])('refuse %s', (_, changed) => {
    expect(parse({ ...rules, ...changed })).toBe(false);
  });

  it('have registers of their bank’s size', () => {
    const pcrs = Object.fromEntries([...sha384Registers].map(([index, value]) => [String(index), toHex(value)]));
    expect(parse({ ...rules, bank: 'sha384', images: [{ pcrs }] })).toBe(true);
  });
});
