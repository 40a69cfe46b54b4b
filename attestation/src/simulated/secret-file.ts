// What all files of simulated vendors share: how a key stands in one, and that whatever is wrong with one is said without its contents.
import { createPrivateKey, createPublicKey } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import type * as z from 'zod';
import { copyBytes, fromBase64Url, toBase64Url } from '@wardround/protocol/bytes';
import { WardroundError } from '@wardround/protocol/errors';

export interface KeyPair {
  readonly publicKey: KeyObject;
  readonly privateKey: KeyObject;
}

/** The error names the path and never the value: it may be a secret. @throws WardroundError `simulated-file-invalid` */
export function readSimulatedFile<T>(schema: z.ZodType<T>, value: unknown): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const [first] = result.error.issues;
  throw new WardroundError('simulated-file-invalid', 'not a file of the simulated platform', {
    where: first === undefined || first.path.length === 0 ? '$' : first.path.map(String).join('.'),
    expected: first?.message ?? 'the format that wardround writes',
  });
}

/** PKCS #8 as base64url. */
export function exportKey(key: KeyObject): string {
  return toBase64Url(copyBytes(key.export({ type: 'pkcs8', format: 'der' })));
}

/** @throws WardroundError `simulated-file-invalid` */
export function importPair(text: string): KeyPair {
  try {
    const secret = createPrivateKey({ key: Buffer.from(fromBase64Url(text)), type: 'pkcs8', format: 'der' });
    return { privateKey: secret, publicKey: createPublicKey(secret) };
  } catch {
    // The cause is left out on purpose: it may quote the key.
    throw new WardroundError('simulated-file-invalid', 'not a private key of the simulated platform', {
      expected: 'PKCS #8',
    });
  }
}
