// The answer to a coordinator's challenge. Whoever holds the key makes it: the courier asks its vault, a command line signs itself.
import { sign } from '@wardround/protocol/documents/signed';
import type { DocumentOf } from '@wardround/protocol/documents/registry';
import type { SigningKey } from '@wardround/protocol/keys';
import { tokenHash } from '@wardround/protocol/relay-wire';

export interface ConnectionChallenge {
  /** Hex, 32 bytes, from the coordinator. */
  readonly nonce: string;
  /** Origin that this party meant to reach: from its own configuration, never from the coordinator. */
  readonly audience: string;
}

/** A ConnectionProof as compact JWS. */
export type Prove = (challenge: ConnectionChallenge) => Promise<string>;

export interface ProvingParty {
  readonly role: DocumentOf<'ConnectionProof'>['role'];
  readonly name: string;
  readonly key: SigningKey;
  /** The invitation (joining; sites and researchers may add it) or the aggregator's token. */
  readonly token?: string | undefined;
}

/** Proves with a key at hand. */
export function proveWith({ role, name, key, token }: ProvingParty): Prove {
  return async ({ nonce, audience }) => {
    const proof = await sign(
      'ConnectionProof',
      {
        kind: 'ConnectionProof',
        version: 1,
        role,
        name,
        key: key.publicKey,
        challenge: nonce,
        audience,
        token: token === undefined ? null : tokenHash(token),
      },
      key,
    );
    return proof.jws;
  };
}
