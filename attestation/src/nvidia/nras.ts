// NVIDIA's remote attestation service (NRAS) as a second opinion: its signed tokens (EAT, RFC 9711, detached) say what it made of the same devices.
// Never instead of our own verdict: both must agree. Keys come from the caller, never from the token.
import { compactVerify, decodeProtectedHeader, importJWK } from 'jose';
import * as z from 'zod';
import { parseLimitedJson } from '@wardround/protocol/canonical-json';
import { WardroundError } from '@wardround/protocol/errors';
import { sha256, toHex, utf8 } from '@wardround/protocol/bytes';
import { requireInstant } from '../clock.ts';
import type { Note } from '../steps.ts';
import { NotEvaluated, need } from '../steps.ts';
import type { NvidiaKind } from './device.ts';
import type { NrasKey } from './nras-keys.ts';
import { jwkOf } from './nras-keys.ts';
import type { NvidiaAppraisal } from './verify.ts';

export const nrasIssuer = 'https://nras.attestation.nvidia.com';

export interface NrasInput {
  /** The service's answer as text: `[["JWT", overall], {"GPU-0": jwt, …}]`. */
  readonly eat: string;
  /** The service's keys that the site believes (`believedKeys`), never any that came with the answer. */
  readonly keys: readonly NrasKey[];
  readonly issuer: string;
  /** What the devices were asked with, 64 hex digits. */
  readonly nonce: string;
  readonly at: Date;
}

export interface NrasDevice {
  /** As the service numbers them: `GPU-0`, `SWITCH-0`. */
  readonly name: string;
  readonly kind: NvidiaKind;
  readonly ueid: string;
  readonly hwModel: string;
  readonly driverVersion: string | undefined;
  readonly vbiosVersion: string;
}

export interface NrasOpinion {
  readonly issuedAt: Date;
  readonly devices: readonly NrasDevice[];
}

/** An opinion, or why there is none; made before the steps, because signatures are checked asynchronously here. */
export type NrasReading =
  { readonly held: true; readonly opinion: NrasOpinion } | { readonly held: false; readonly refusal: WardroundError };

const jsonLimits = { maxBytes: 262_144, maxDepth: 8, maxValues: 4_096 } as const;
const token = z.string().min(1).max(65_536);
const answerSchema = z.tuple([z.tuple([z.literal('JWT'), token]), z.record(z.string().max(32), token)]);
const headerSchema = z.strictObject({
  alg: z.literal('ES384'),
  kid: z.string().min(1).max(256),
  typ: z.literal('JWT').optional(),
});
const algorithmSchema = z.looseObject({ alg: z.literal('ES384') });
const instant = z.int().min(0).max(253_402_300_799);
const common = { iss: z.string(), iat: instant, nbf: instant, exp: instant, eat_nonce: z.string() };
const overallSchema = z.looseObject({
  ...common,
  sub: z.literal('NVIDIA-PLATFORM-ATTESTATION'),
  'x-nvidia-ver': z.literal('3.0'),
  'x-nvidia-overall-att-result': z.boolean(),
  submods: z.record(
    z.string(),
    z.tuple([z.literal('DIGEST'), z.tuple([z.literal('SHA-256'), z.string().regex(/^[0-9a-f]{64}$/)])]),
  ),
});
const deviceSchema = z.looseObject({
  ...common,
  ueid: z.string().regex(/^\d{1,60}$/),
  hwmodel: z.string().max(128),
  measres: z.string(),
});

/** Reads and verifies an answer; never throws for what it holds. @throws WardroundError `clock-invalid` */
export async function readNras(input: NrasInput): Promise<NrasReading> {
  requireInstant(input.at);
  try {
    return { held: true, opinion: await verifyNras(input) };
  } catch (error) {
    const refusal =
      error instanceof WardroundError
        ? error
        : new WardroundError('nras-malformed', 'this cannot be read', { cause: error });
    return { held: false, refusal };
  }
}

/**
 * Verifies the overall token and every device's, each bound to the overall one by digest, and requires every claim to be good.
 * @throws WardroundError `nras-malformed`, `nras-algorithm`, `nras-key`, `nras-signature`, `nras-issuer`, `nras-not-yet-valid`, `nras-expired`,
 *   `nras-nonce`, `nras-digest`, `nras-result`
 */
export async function verifyNras(input: NrasInput): Promise<NrasOpinion> {
  const [[, overallToken], tokens] = read(answerSchema, parseText(input.eat), 'answer');
  const overall = read(overallSchema, await openToken(overallToken, input), 'overall token');
  requireCommon(overall, input);
  if (!overall['x-nvidia-overall-att-result']) throw result('the overall result', 'false');
  requireDigests(overall.submods, tokens);
  const devices = await Promise.all(
    Object.entries(tokens).map(async ([name, each]) => {
      const claims = read(deviceSchema, await openToken(each, input), name);
      requireCommon(claims, input);
      return readDevice(name, claims);
    }),
  );
  return { issuedAt: new Date(overall.iat * 1000), devices };
}

function parseText(text: string): unknown {
  try {
    return parseLimitedJson(utf8(text), jsonLimits);
  } catch (cause) {
    throw malformed('JSON that can be read', cause);
  }
}

/** ES384 under a key that the caller gave, named by `kid`; the token's own certificates are not looked at. */
async function openToken(jws: string, { keys }: NrasInput): Promise<unknown> {
  const header = headerOf(jws);
  // Unsigned, or under a public key taken for a shared secret: named apart, because nobody sends such a token by mistake.
  if (!algorithmSchema.safeParse(header).success)
    throw new WardroundError('nras-algorithm', 'a token must be signed with ES384', { action: 'stop' });
  const { kid } = read(headerSchema, header, 'header');
  const [key, ...more] = keys.filter((each) => each.kid === kid);
  if (key === undefined || more.length > 0)
    throw new WardroundError('nras-key', 'the token’s key is not among those that are trusted', { got: kid });
  try {
    const imported = await importJWK(jwkOf(key), 'ES384');
    const { payload } = await compactVerify(jws, imported, { algorithms: ['ES384'] });
    return parseLimitedJson(payload, jsonLimits);
  } catch (cause) {
    if (cause instanceof WardroundError) throw malformed('claims that can be read', cause);
    throw new WardroundError('nras-signature', 'a token’s signature does not verify', { cause, action: 'stop' });
  }
}

function headerOf(jws: string): unknown {
  try {
    return decodeProtectedHeader(jws);
  } catch (cause) {
    throw malformed('a compact token', cause);
  }
}

function read<T>(schema: z.ZodType<T>, value: unknown, where: string): T {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const [first] = parsed.error.issues;
  throw new WardroundError('nras-malformed', 'not an answer of the service that can be read', {
    where: [where, ...(first?.path.map(String) ?? [])].join('.'),
    expected: first?.message ?? 'the service’s format',
    cause: parsed.error,
  });
}

interface CommonClaims {
  readonly iss: string;
  readonly iat: number;
  readonly nbf: number;
  readonly exp: number;
  readonly eat_nonce: string;
}

function requireCommon({ iss, iat, nbf, exp, eat_nonce: answered }: CommonClaims, input: NrasInput): void {
  const { issuer, nonce, at } = input;
  if (iss !== issuer)
    throw new WardroundError('nras-issuer', 'a token of another issuer', { expected: issuer, got: iss });
  const now = at.getTime() / 1000;
  const window = { expected: `${asText(nbf)} to ${asText(exp)}`, got: at.toISOString() };
  if (now < Math.max(nbf, iat)) throw new WardroundError('nras-not-yet-valid', 'a token is not valid yet', window);
  if (now >= exp) throw new WardroundError('nras-expired', 'a token has expired', window);
  if (answered === nonce) return;
  throw new WardroundError('nras-nonce', 'a token answers another nonce', { expected: nonce, got: answered });
}

function asText(seconds: number): string {
  return new Date(seconds * 1000).toISOString();
}

type Submods = z.infer<typeof overallSchema>['submods'];

/** As many as are named, and each is the one that is named: a token left out or put in shows. */
function requireDigests(submods: Submods, tokens: Readonly<Record<string, string>>): void {
  const names = Object.keys(submods).toSorted();
  const given = Object.keys(tokens).toSorted();
  if (names.length === 0 || names.join() !== given.join()) {
    throw new WardroundError('nras-digest', 'not the devices that the overall token names', {
      expected: names.join(', '),
      got: given.join(', '),
    });
  }
  for (const [name, [, [, digest]]] of Object.entries(submods)) {
    if (toHex(sha256(utf8(tokens[name] ?? ''))) === digest) continue;
    throw new WardroundError('nras-digest', 'a device’s token is not the one that the overall token names', {
      where: name,
      action: 'stop',
    });
  }
}

const reportClaims = ['parsed', 'nonce-match', 'signature-verified', 'cert-chain-fwid-match'].map(
  (claim) => `attestation-report-${claim}`,
);
const rimClaims = (rim: string): readonly string[] =>
  ['fetched', 'schema-validated', 'signature-verified', 'version-match', 'measurements-available'].map(
    (claim) => `${rim}-${claim}`,
  );

/** Claims (version 3) that must be true, and chains that must be valid and good. The prefix goes before each. */
const demands = {
  gpu: {
    prefix: 'x-nvidia-gpu-',
    yes: [
      ...reportClaims,
      'arch-check',
      ...rimClaims('driver-rim'),
      ...rimClaims('vbios-rim'),
      'vbios-index-no-conflict',
    ],
    chains: ['attestation-report-cert-chain', 'driver-rim-cert-chain', 'vbios-rim-cert-chain'],
    vbios: 'vbios-version',
  },
  switch: {
    prefix: 'x-nvidia-switch-',
    yes: [...reportClaims, 'arch-check', ...rimClaims('bios-rim')],
    chains: ['attestation-report-cert-chain', 'bios-rim-cert-chain'],
    vbios: 'bios-version',
  },
} as const;

const chainSchema = z.looseObject({
  'x-nvidia-cert-status': z.literal('valid'),
  'x-nvidia-cert-ocsp-status': z.literal('good'),
});

function readDevice(name: string, claims: z.infer<typeof deviceSchema>): NrasDevice {
  const kind = /^GPU-\d{1,2}$/.test(name) ? 'gpu' : /^SWITCH-\d{1,2}$/.test(name) ? 'switch' : undefined;
  if (kind === undefined) throw malformed(`GPU or SWITCH, not ${name.slice(0, 32)}`);
  const { prefix, yes, chains, vbios } = demands[kind];
  if (claims.measres !== 'success') throw result(`${name} measres`, claims.measres);
  for (const claim of yes) {
    if (claims[prefix + claim] !== true)
      throw result(`${name} ${prefix}${claim}`, JSON.stringify(claims[prefix + claim]));
  }
  for (const chain of chains) {
    const { success } = chainSchema.safeParse(claims[prefix + chain]);
    if (!success) throw result(`${name} ${prefix}${chain}`, JSON.stringify(claims[prefix + chain]));
  }
  return {
    name,
    kind,
    ueid: claims.ueid,
    hwModel: claims.hwmodel,
    driverVersion: kind === 'gpu' ? text(claims[`${prefix}driver-version`]) : undefined,
    vbiosVersion: text(claims[prefix + vbios]),
  };
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function result(where: string, got: string | undefined): WardroundError {
  return new WardroundError('nras-result', 'the service did not find everything good', {
    where,
    got: got ?? 'nothing',
    action: 'stop',
  });
}

function malformed(expected: string, cause?: unknown): WardroundError {
  return new WardroundError('nras-malformed', 'not an answer of the service that can be read', { expected, cause });
}

export interface SecondOpinionInput {
  readonly isRequired: boolean;
  readonly readings: readonly NrasReading[];
  readonly appraisals: readonly NvidiaAppraisal[];
}

/**
 * Both agree: every device that we found authentic is one that the service found good, the same in serial, model and versions, and
 * the service speaks of no other. For the step `second-opinion`.
 * @throws WardroundError `nras-missing`, `nras-several`, `nras-disagrees`, and the refusal of a reading that did not hold
 */
export function requireSecondOpinion({ isRequired, readings, appraisals }: SecondOpinionInput, note: Note): void {
  if (!isRequired) return note('the policy asks for no second opinion');
  requireAgreement(readings, appraisals);
}

/** @throws as {@link requireSecondOpinion} */
export function requireAgreement(readings: readonly NrasReading[], appraisals: readonly NvidiaAppraisal[]): void {
  if (readings.length === 0)
    throw new WardroundError('nras-missing', 'the second opinion that the policy wants is missing');
  const opinions = readings.map((reading) => {
    if (!reading.held) throw reading.refusal;
    return reading.opinion.devices;
  });
  requireOneOfEachKind(opinions);
  const ours = appraisals.map(({ authentic, device, report }) => {
    if (!authentic) throw new NotEvaluated('a device is not authentic');
    const { kind, ueid, hwModel } = need(device);
    const { driverVersion, vbiosVersion } = need(report).opaque;
    return { kind, ueid, hwModel, driverVersion, vbiosVersion };
  });
  const [own, other] = [ours.map(asLine).toSorted(), opinions.flat().map(asLine).toSorted()];
  if (own.join('\n') === other.join('\n')) return;
  throw new WardroundError('nras-disagrees', 'the service speaks of other devices or versions than the evidence', {
    expected: own.join('; '),
    got: other.join('; '),
    action: 'stop',
  });
}

/** The service is asked once for GPUs and once for switches; of two answers about one kind, the sender would choose which to show. */
function requireOneOfEachKind(opinions: readonly (readonly NrasDevice[])[]): void {
  for (const kind of ['gpu', 'switch'] as const) {
    const answers = opinions.filter((devices) => devices.some((device) => device.kind === kind)).length;
    if (answers <= 1) continue;
    throw new WardroundError('nras-several', 'more than one answer of the service about one kind of device', {
      got: `${answers} about ${kind}`,
      action: 'stop',
    });
  }
}

function asLine({ kind, ueid, hwModel, driverVersion, vbiosVersion }: Omit<NrasDevice, 'name'>): string {
  return [kind, ueid, hwModel, driverVersion ?? 'no driver', vbiosVersion].join(' ');
}
