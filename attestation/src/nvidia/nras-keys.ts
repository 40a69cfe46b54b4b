// The keys of NVIDIA's attestation service (JWKS, RFC 7517), as a site keeps them. NOTHING SIGNS THEM: they are what a TLS connection to the service
// showed at one time, or what a person brought. So they come from the site's own hands alone, never with evidence; a policy may pin them.
import { createPublicKey } from 'node:crypto';
import * as z from 'zod';
import { sha256, toHex } from '@wardround/protocol/bytes';
import { canonicalJson } from '@wardround/protocol/canonical-json';
import { instantSchema } from '@wardround/protocol/documents/primitives';
import { WardroundError } from '@wardround/protocol/errors';

const coordinate = z.string().regex(/^[A-Za-z0-9_-]{64}$/, 'expected 48 bytes, base64url');

/** A public key on P-384, for ES384 alone. */
export const nrasKeySchema = z.strictObject({ kid: z.string().min(1).max(256), x: coordinate, y: coordinate });
export type NrasKey = z.infer<typeof nrasKeySchema>;

/** The keys that the service showed together. Only a site's own mirror, or its own files, hand them to a verifier. */
export const nrasKeysSchema = z.strictObject({
  type: z.literal('nrasKeys'),
  /** The address, or the name of the file. */
  source: z.string().min(1).max(1024),
  /** When that was: nobody signs this date either. */
  fetchedAt: instantSchema,
  keys: z.array(nrasKeySchema).min(1).max(64),
});
export type NrasKeys = z.infer<typeof nrasKeysSchema>;

/** No policy may believe keys longer; the service's own signers live about two days. */
export const nrasKeysLongestSeconds = 30 * 86_400;

/** Which keys a policy believes: whatever the site's mirror has, or only those of these thumbprints (RFC 7638, SHA-256, hex). */
export interface NrasKeysRule {
  readonly keys: 'mirrored' | readonly string[];
  readonly maxKeysAgeSeconds: number;
}

const jwksSchema = z.looseObject({ keys: z.array(z.unknown()).max(64) });
const usableSchema = z.looseObject({
  kid: z.string().min(1).max(256),
  kty: z.literal('EC'),
  crv: z.literal('P-384'),
  x: coordinate,
  y: coordinate,
  use: z.literal('sig').optional(),
  alg: z.literal('ES384').optional(),
  /** A private key is nothing that a service shows. */
  d: z.undefined().optional(),
});

/**
 * The keys of a JWKS that can verify ES384; keys of other sorts are passed over.
 * @throws WardroundError `nras-keys-malformed` where there is none, two have one name, or one is no point of the curve
 */
export function readJwks(value: unknown, { source, fetchedAt }: { source: string; fetchedAt: Date }): NrasKeys {
  const jwks = jwksSchema.safeParse(value);
  if (!jwks.success) throw malformed('a JWKS: an object with keys', jwks.error);
  const keys = jwks.data.keys.flatMap((each) => {
    const { data } = usableSchema.safeParse(each);
    return data === undefined ? [] : [{ kid: data.kid, x: data.x, y: data.y }];
  });
  return requireUsable({ type: 'nrasKeys', source: source.slice(0, 1024), fetchedAt: fetchedAt.toISOString(), keys });
}

/** @throws WardroundError `nras-keys-malformed` */
export function parseNrasKeys(value: unknown): NrasKeys {
  const parsed = nrasKeysSchema.safeParse(value);
  if (parsed.success) return requireUsable(parsed.data);
  throw malformed('keys as `wardround collateral` writes them', parsed.error);
}

function requireUsable(set: NrasKeys): NrasKeys {
  const { keys } = set;
  if (keys.length === 0) throw malformed('at least one EC key on P-384 with a kid');
  if (new Set(keys.map(({ kid }) => kid)).size !== keys.length) throw malformed('no two keys of one kid');
  for (const key of keys) {
    try {
      createPublicKey({ key: jwkOf(key), format: 'jwk' });
    } catch (cause) {
      throw malformed(`a point of P-384 for ${key.kid}`, cause);
    }
  }
  return set;
}

/** As RFC 7517 writes it. */
export function jwkOf({ x, y }: NrasKey): { kty: 'EC'; crv: 'P-384'; x: string; y: string } {
  return { kty: 'EC', crv: 'P-384', x, y };
}

/** RFC 7638 thumbprint, SHA-256, as lower-case hex: what a policy pins, and what people compare. */
export function nrasThumbprint(key: NrasKey): string {
  // Canonical JSON sorts the members as RFC 7638, 3 wants them.
  return toHex(sha256(canonicalJson(jwkOf(key))));
}

/**
 * The keys that the policy believes at `at`. Of several sets the newest counts alone: what the service no longer shows, it no longer vouches for.
 * @throws WardroundError `nras-keys-missing`, `nras-keys-too-old`
 */
export function believedKeys(
  sets: readonly NrasKeys[],
  { keys: pinned, maxKeysAgeSeconds }: NrasKeysRule,
  at: Date,
): readonly NrasKey[] {
  const age = ({ fetchedAt }: NrasKeys): number => (at.getTime() - Date.parse(fetchedAt)) / 1000;
  const [first, ...rest] = sets.filter((set) => age(set) >= 0);
  if (first === undefined) {
    throw new WardroundError('nras-keys-missing', 'this site has no keys of NVIDIA’s attestation service', {
      expected: 'a mirror with them: `wardround collateral fetch --nvidia-nras-keys`',
    });
  }
  const newest = rest.reduce((best, set) => (age(set) < age(best) ? set : best), first);
  if (age(newest) > maxKeysAgeSeconds) {
    throw new WardroundError('nras-keys-too-old', 'the keys of NVIDIA’s attestation service must be fetched again', {
      expected: `at most ${maxKeysAgeSeconds} s`,
      got: `${Math.floor(age(newest))} s, of ${newest.fetchedAt}`,
    });
  }
  if (pinned === 'mirrored') return newest.keys;
  return newest.keys.filter((key) => pinned.includes(nrasThumbprint(key)));
}

function malformed(expected: string, cause?: unknown): WardroundError {
  return new WardroundError('nras-keys-malformed', 'not keys of NVIDIA’s attestation service that can be read', {
    expected,
    cause,
  });
}
