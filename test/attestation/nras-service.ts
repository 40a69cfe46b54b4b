// A fake of NVIDIA's attestation service: its own keys, and answers in which one thing is made wrong and signed all the same.
import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import { CompactSign } from 'jose';
import { sha256, toHex, utf8 } from '@wardround/protocol/bytes';
import { nrasIssuer } from '@wardround/attestation/nvidia/nras';
import type { NrasKeys } from '@wardround/attestation/nvidia/nras-keys';
import { readJwks } from '@wardround/attestation/nvidia/nras-keys';

export const pair = generateKeyPairSync('ec', { namedCurve: 'P-384' });
export const otherKey = generateKeyPairSync('ec', { namedCurve: 'P-384' }).privateKey;
export const jwk = {
  ...createPublicKey(pair.privateKey).export({ format: 'jwk' }),
  kid: 'one',
  use: 'sig',
  alg: 'ES384',
};

/** The service's keys as a site's mirror has them. */
export function keysAt(fetchedAt: Date, jwks: unknown = { keys: [jwk] }): NrasKeys {
  return readJwks(jwks, { source: 'https://nras.example/.well-known/jwks.json', fetchedAt });
}

export type Claims = Record<string, unknown>;
export type Answer = readonly [readonly [string, string], Record<string, string>];

export interface Asked {
  readonly nonce: string;
  readonly at: Date;
}

export interface Made {
  readonly overall?: Claims;
  /** Put in the place of each device's claims. */
  readonly device?: Claims;
  readonly header?: Record<string, unknown>;
  /** Of the overall token. */
  readonly key?: typeof pair.privateKey;
  /** Each device's own claims, by its name; one GPU where nothing is said. */
  readonly devices?: Readonly<Record<string, Claims>>;
  readonly change?: (answer: Answer) => unknown;
}

export async function sign(
  claims: Claims,
  header: Record<string, unknown> = {},
  key = pair.privateKey,
): Promise<string> {
  return await new CompactSign(utf8(JSON.stringify(claims)))
    .setProtectedHeader({ alg: 'ES384', kid: 'one', ...header })
    .sign(key);
}

export const good = { 'x-nvidia-cert-status': 'valid', 'x-nvidia-cert-ocsp-status': 'good' };
const rim = (name: string): Claims =>
  Object.fromEntries(
    ['fetched', 'schema-validated', 'signature-verified', 'version-match', 'measurements-available'].map((claim) => [
      `${name}-rim-${claim}`,
      true,
    ]),
  );
const prefixed = (prefix: string, claims: Claims): Claims =>
  Object.fromEntries(Object.entries(claims).map(([name, value]) => [prefix + name, value]));
const reportClaims: Claims = {
  'attestation-report-parsed': true,
  'attestation-report-nonce-match': true,
  'attestation-report-signature-verified': true,
  'attestation-report-cert-chain-fwid-match': true,
  'attestation-report-cert-chain': good,
  'arch-check': true,
};

/** What the service says of a good GPU, and of a good switch, but for the claims that every token has. */
export const goodGpu: Claims = {
  ueid: '7',
  hwmodel: 'GH100 A01 GSP BROM',
  measres: 'success',
  ...prefixed('x-nvidia-gpu-', {
    ...reportClaims,
    ...rim('driver'),
    ...rim('vbios'),
    'vbios-index-no-conflict': true,
    'driver-rim-cert-chain': good,
    'vbios-rim-cert-chain': good,
    'driver-version': '570.124.03',
    'vbios-version': '96.00.9F.00.01',
  }),
};
export const goodSwitch: Claims = {
  ueid: '8',
  hwmodel: 'LS_10 A01 FSP BROM',
  measres: 'success',
  ...prefixed('x-nvidia-switch-', {
    ...reportClaims,
    ...rim('bios'),
    'bios-rim-cert-chain': good,
    'bios-version': '96.10.55.00.01',
  }),
};

/** The answer as text, as the service gives it. */
export async function answerOf({ nonce, at }: Asked, made: Made = {}): Promise<string> {
  const now = at.getTime() / 1000;
  const common = { iss: nrasIssuer, iat: now - 60, nbf: now - 60, exp: now + 3600, eat_nonce: nonce };
  const devices = await Promise.all(
    Object.entries(made.devices ?? { 'GPU-0': goodGpu }).map(
      async ([name, claims]) => [name, await sign({ ...common, ...claims, ...made.device }, made.header)] as const,
    ),
  );
  const submods = Object.fromEntries(
    devices.map(([name, token]) => [name, ['DIGEST', ['SHA-256', toHex(sha256(utf8(token)))]]]),
  );
  const overall = {
    ...common,
    sub: 'NVIDIA-PLATFORM-ATTESTATION',
    'x-nvidia-ver': '3.0',
    'x-nvidia-overall-att-result': true,
    submods,
    ...made.overall,
  };
  const plain = [['JWT', await sign(overall, made.header, made.key)], Object.fromEntries(devices)] as const;
  return JSON.stringify(made.change?.(plain) ?? plain);
}

/** The overall token as somebody without a key would make it: the same claims under another header and signature. */
export function reheaded(answer: Answer, header: unknown, signature: (signed: string) => string): unknown {
  const [[, token], devices] = answer;
  const signed = `${Buffer.from(JSON.stringify(header)).toString('base64url')}.${token.split('.')[1] ?? ''}`;
  return [['JWT', `${signed}.${signature(signed)}`], devices];
}
