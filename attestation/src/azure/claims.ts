// The runtime claims of Azure's paravisor: the vTPM's keys, and how the machine is configured. Hashed into REPORT_DATA as they are.
import type { KeyObject } from 'node:crypto';
import { createPublicKey } from 'node:crypto';
import * as z from 'zod';
import { WardroundError } from '@wardround/protocol/errors';
import type { Bytes } from '@wardround/protocol/bytes';
import { parseLimitedJson } from '@wardround/protocol/canonical-json';
import type { AttestedConfiguration } from '../tpm/validate.ts';

const base64Url = z.string().regex(/^[A-Za-z0-9_-]{2,1400}$/, 'expected base64url');

const keySchema = z.strictObject({
  kid: z.string().min(1).max(64),
  key_ops: z.array(z.string().max(32)).max(8),
  kty: z.literal('RSA'),
  e: base64Url,
  n: base64Url,
});

/** Members come and go with releases of the paravisor: those that we judge are strict, the others are shown. */
const configurationSchema = z.looseObject({
  'console-enabled': z.boolean(),
  'secure-boot': z.boolean(),
  'tpm-enabled': z.boolean(),
  vmUniqueId: z.string().max(64),
});

const claimsSchema = z.strictObject({
  keys: z.array(keySchema).min(1).max(8),
  'vm-configuration': configurationSchema,
  'user-data': z
    .string()
    .regex(/^(?:[0-9a-fA-F]{2}){0,64}$/, 'expected up to 64 bytes in hex')
    .optional(),
});

export interface HclClaims extends AttestedConfiguration {
  readonly attestationKey: KeyObject;
  readonly vmUniqueId: string;
  /** All of it, also what we do not judge. */
  readonly vmConfiguration: Readonly<Record<string, unknown>>;
  /** Hex; what the guest wrote to NV index 0x01400002. */
  readonly userData: string | undefined;
}

const attestationKeyId = 'HCLAkPub';
const limits = { maxBytes: 4_096, maxDepth: 6 } as const;

/**
 * Reads the claims strictly: no member twice, exactly one `HCLAkPub` (older reports label it "encrypt"; it signs quotes all the same).
 * @throws WardroundError `hcl-claims`, `hcl-ak-count`
 */
export function parseHclClaims(bytes: Bytes): HclClaims {
  const claims = read(bytes);
  const named = claims.keys.filter(({ kid }) => kid === attestationKeyId);
  const [key] = named;
  if (key === undefined || named.length > 1)
    throw new WardroundError('hcl-ak-count', 'not exactly one attestation key', { got: String(named.length) });
  const configuration = claims['vm-configuration'];
  return {
    attestationKey: importKey(key),
    secureBoot: configuration['secure-boot'],
    consoleEnabled: configuration['console-enabled'],
    tpmEnabled: configuration['tpm-enabled'],
    vmUniqueId: configuration.vmUniqueId,
    vmConfiguration: configuration,
    userData: claims['user-data']?.toLowerCase(),
  };
}

function read(bytes: Bytes): z.infer<typeof claimsSchema> {
  try {
    return claimsSchema.parse(parseLimitedJson(bytes, limits));
  } catch (cause) {
    const issue = cause instanceof z.ZodError ? cause.issues[0] : undefined;
    throw new WardroundError('hcl-claims', 'the runtime claims cannot be read', {
      cause,
      got: issue?.message ?? (cause instanceof Error ? cause.message : 'no JSON'),
      where: issue === undefined ? '$' : issue.path.map(String).join('.'),
    });
  }
}

function importKey({ n, e }: z.infer<typeof keySchema>): KeyObject {
  try {
    return createPublicKey({ key: { kty: 'RSA', n, e }, format: 'jwk' });
  } catch (cause) {
    throw new WardroundError('hcl-claims', 'the attestation key cannot be read', { cause, where: 'keys' });
  }
}
