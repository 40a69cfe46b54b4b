// Connection authentication: one challenge, one signed answer, checked against the federation on the board or a token's hash.
import { equalBytes, fromHex, toHex } from '@wardround/protocol/bytes';
import { documentKinds, type DocumentOf } from '@wardround/protocol/documents/registry';
import { UNVERIFIED_kindOf, verify } from '@wardround/protocol/documents/signed';
import { WardroundError } from '@wardround/protocol/errors';
import { parseDocument } from '@wardround/protocol/jws';
import { tokenHash } from '@wardround/protocol/relay-wire';
import { type Identity, rightsOf } from './identity.ts';
import type { Members } from './members.ts';

type Proof = DocumentOf<'ConnectionProof'>;

/** A nonce that one connection may answer once, right or wrong. */
export class Challenge {
  readonly nonce: string;
  #isTaken = false;

  constructor(nonce: Uint8Array) {
    this.nonce = toHex(nonce);
  }

  /**
   * The nonce for the answer that came first, at once: before anything of it is verified, so that no later one can overtake it.
   *
   * @throws WardroundError `auth-challenge` the second time
   */
  take(): string {
    if (this.#isTaken) throw notTheOpenChallenge();
    this.#isTaken = true;
    return this.nonce;
  }
}

function notTheOpenChallenge(): WardroundError {
  return new WardroundError('auth-challenge', 'not an answer to the open challenge of this connection', {
    action: 'retry',
  });
}

export class Admission {
  readonly #members: Members;
  readonly #audience: string;
  readonly #invitation: string;
  readonly #aggregatorToken: string;

  constructor({
    members,
    audience,
    secrets,
  }: {
    members: Members;
    audience: string;
    secrets: { readonly invitation: string; readonly aggregatorToken: string };
  }) {
    this.#members = members;
    this.#audience = audience;
    this.#invitation = tokenHash(secrets.invitation);
    this.#aggregatorToken = tokenHash(secrets.aggregatorToken);
  }

  /**
   * Who answers the challenge with this nonce. The caller still owes: that nobody answered it before.
   *
   * @throws WardroundError `auth-challenge`, `auth-audience`, `auth-token`, `auth-unknown`; `jws-*`, `document-*`, `key-*` for a proof that
   * is none
   */
  async admit(jws: string, nonce: string): Promise<Identity> {
    const { proof, signer } = await readProof(jws);
    if (proof.challenge !== nonce) throw notTheOpenChallenge();
    this.#requireAudience(proof);
    const identity = { role: proof.role, name: proof.name, key: signer, invited: same(proof.token, this.#invitation) };
    this.#requireToken(proof);
    if (rightsOf(identity, await this.#members.standing(identity)) === null) {
      throw new WardroundError('auth-unknown', 'the federation on this board does not name this key for this party', {
        got: `${proof.role} ${proof.name}`,
        expected: 'a member, or the invitation',
      });
    }
    return identity;
  }

  #requireAudience({ audience }: Proof): void {
    if (audience === this.#audience) return;
    throw new WardroundError('auth-audience', 'the proof was made for another coordinator', {
      expected: this.#audience,
      got: audience,
    });
  }

  #requireToken({ role, token }: Proof): void {
    const expected = role === 'aggregator' ? this.#aggregatorToken : role === 'joining' ? this.#invitation : null;
    // A member needs no invitation; a wrong one is said to be wrong all the same.
    const accepted = expected === null ? token === null || same(token, this.#invitation) : same(token, expected);
    if (!accepted) throw new WardroundError('auth-token', 'not the token that this role needs', { where: role });
  }
}

async function readProof(jws: string): Promise<{ proof: Proof; signer: string }> {
  const claimed = UNVERIFIED_kindOf(jws);
  const { schema } = documentKinds.ConnectionProof;
  if (claimed.kind !== 'ConnectionProof') {
    throw new WardroundError('auth-proof', 'not a proof of connection', {
      expected: 'ConnectionProof',
      got: claimed.kind,
    });
  }
  const { key } = parseDocument({ kind: 'ConnectionProof', schema, value: claimed.value });
  const { value, signer } = await verify('ConnectionProof', jws, [key]);
  return { proof: value, signer };
}

function same(token: string | null, expected: string): boolean {
  return token !== null && equalBytes(fromHex(token), fromHex(expected));
}
