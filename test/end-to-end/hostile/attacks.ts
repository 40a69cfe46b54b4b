// The attacks by name, each with the one guard that stops it: the file, and the text without which the attack succeeds. A guard that is asked
// in two places is taken out of both.
import type { Attack } from './attack.ts';
import { alteredPlan } from './altered-plan.ts';
import { fakeEnclave } from './fake-enclave.ts';
import { flippedChunks } from './flipped-chunks.ts';
import { inventedMember } from './invented-member.ts';

export interface Guard {
  readonly file: string;
  /** Text of the guard, exactly as it stands in the file, and what is left when it is taken out. */
  readonly find: string;
  readonly replace: string;
  /** The same guard where it is asked once more. */
  readonly also?: Guard;
}

const makers: Readonly<Record<string, () => Attack | Promise<Attack>>> = {
  none: () => ({}),
  fakeEnclave,
  alteredPlan,
  flippedChunks,
  inventedMember,
};

/** @throws Error for an attack that does not exist */
export async function attackNamed(name: string): Promise<Attack> {
  const make = makers[name];
  if (make === undefined) throw new Error(`no attack ${name}; there are ${Object.keys(makers).join(', ')}`);
  return await make();
}

export const guards: Readonly<Record<string, Guard>> = {
  // The hardware signed exactly what this site expects. Without it, evidence of the genuine enclave vouches for the attacker's keys.
  fakeEnclave: {
    file: 'attestation/src/verifier.ts',
    find: 'if (equalBytes(got, expected)) return;',
    replace: 'if (got.byteLength > 0) return;',
  },
  // The signature over a document.
  alteredPlan: {
    file: 'protocol/src/jws.ts',
    find: '  await requireSignature(jws, publicKey);\n',
    replace: '',
  },
  // A fetched chunk is the chunk that was asked for; otherwise it is asked for again.
  flippedChunks: {
    file: 'relay/src/chunk-client.ts',
    find: 'if (chunkDigest(bytes) === digest) return bytes;',
    replace: 'return bytes;',
  },
  // A membership needs a quorum of the members' signatures.
  inventedMember: {
    file: 'protocol/src/federation-view.ts',
    find: '    if (signers.size < quorum(view.sites.length, view.colludingSites)) continue;\n',
    replace: '',
    also: {
      file: 'site-agent/src/vault/membership-candidates.ts',
      find: 'return quorum(this.#view.sites.length, this.#view.colludingSites);',
      replace: 'return 1;',
      also: {
        file: 'site-agent/src/vault/membership-candidates.ts',
        find: "    const verified = await verify('Membership', jws, keys).catch(() => null);\n",
        replace:
          "    const { UNVERIFIED_kindOf } = await import('@wardround/protocol/documents/signed');\n" +
          '    const verified: any = { ...UNVERIFIED_kindOf(jws), jws, signer: String(keys.length) };\n',
      },
    },
  },
};
