// The attacks by name, each with the one guard that stops it: the file, and the text without which the attack succeeds.
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
    find: 'if (equalBytes(reportData, wanted)) return;',
    replace: 'if (wanted.byteLength > 0) return;',
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
  },
};
