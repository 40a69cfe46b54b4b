// The HTTP side's bearer tokens: short-lived, signed with the coordinator's own secret, given only over an authenticated connection.
import { jwtVerify, SignJWT } from 'jose';
import * as z from 'zod';
import { utf8 } from '@wardround/protocol/bytes';
import { nameSchema, sha256Schema } from '@wardround/protocol/documents/primitives';
import { WardroundError } from '@wardround/protocol/errors';
import type { Admitted } from '@wardround/protocol/relay-wire';
import { type Identity, roleSchema } from './identity.ts';

const typ = 'wardround-access+jwt';
const claimsSchema = z.object({ sub: sha256Schema, role: roleSchema, name: nameSchema, invited: z.boolean() });

export class AccessTokens {
  readonly #secret: Uint8Array;
  readonly #lifetimeSeconds: number;
  readonly #now: () => Date;

  constructor({ secret, lifetimeSeconds, now }: { secret: string; lifetimeSeconds: number; now: () => Date }) {
    this.#secret = utf8(secret);
    this.#lifetimeSeconds = lifetimeSeconds;
    this.#now = now;
  }

  async issue({ role, name, key, invited }: Identity): Promise<Admitted> {
    const expires = Math.floor(this.#now().getTime() / 1000) + this.#lifetimeSeconds;
    const accessToken = await new SignJWT({ role, name, invited })
      .setProtectedHeader({ alg: 'HS256', typ })
      .setSubject(key)
      .setExpirationTime(expires)
      .sign(this.#secret);
    return { accessToken, expiresAt: new Date(expires * 1000).toISOString() };
  }

  /** Who a request comes from. @throws WardroundError `auth-token`, the same for every way in which a token can be wrong */
  async check(authorization: string | undefined): Promise<Identity> {
    const token = /^Bearer ([A-Za-z0-9._-]{1,4096})$/.exec(authorization ?? '')?.[1];
    if (token === undefined) throw refused();
    try {
      const { payload } = await jwtVerify(token, this.#secret, {
        algorithms: ['HS256'],
        typ,
        requiredClaims: ['exp', 'sub'],
        currentDate: this.#now(),
      });
      const { sub, role, name, invited } = claimsSchema.parse(payload);
      return { role, name, key: sub, invited };
    } catch (cause) {
      throw refused(cause);
    }
  }
}

function refused(cause?: unknown): WardroundError {
  return new WardroundError('auth-token', 'not a valid access token', { action: 'retry', cause });
}
