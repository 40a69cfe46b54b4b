// The vendors' roots that are trusted, by fingerprint. A root that is not on the list proves nothing, however well it signs.
import { WardroundError } from '@wardround/protocol/errors';
import type { SnpProduct } from './snp/product.ts';

/** `genuine` roots speak for one product line; a `simulated` root is one that a site's policy named, and says so everywhere. */
export type TrustedRoot =
  | { readonly kind: 'genuine'; readonly product: SnpProduct; readonly sha256: string }
  | { readonly kind: 'simulated'; readonly sha256: string };

/**
 * AMD's root keys (ARK), SHA-256 over the DER certificate. Source: AMD KDS `https://kdsintf.amd.com/vcek/v1/{product}/cert_chain`;
 * compared with the copies in google/go-sev-guest, confidential-containers/trustee and Microsoft's tee-attestation-verification.
 */
export const amdRoots: readonly TrustedRoot[] = [
  { kind: 'genuine', product: 'Milan', sha256: '69d063b45344d26a2e94e1f4210de49ef555308287d4c174445c95639a540bcd' },
  { kind: 'genuine', product: 'Genoa', sha256: '4c6598d19c18719c5dfd4a7d335f674e5bfe1d8f800cea2cf270c10d103db2f1' },
  { kind: 'genuine', product: 'Turin', sha256: '1f084161a44bb6d93778a904877d4819cafa5d05ef4193b2ded9dd9c73dd3f6a' },
];

/** The genuine vendor and, only where a policy names them, simulated roots. */
export function trustedRoots(simulated: readonly string[] = []): readonly TrustedRoot[] {
  return [...amdRoots, ...simulated.map((sha256): TrustedRoot => ({ kind: 'simulated', sha256 }))];
}

/**
 * The entry of `roots` that names this certificate.
 * @param code of the refusal, one a vendor: `snp-root-untrusted`, ...
 * @throws WardroundError with that code
 */
export function requireTrusted<Root extends { readonly sha256: string }>(
  fingerprint: string,
  roots: readonly Root[],
  code: string,
): Root {
  const root = roots.find((candidate) => candidate.sha256 === fingerprint);
  if (root === undefined) {
    throw new WardroundError(code, 'the chain ends in a root that is not trusted', {
      expected: 'a pinned vendor root, or the simulated root that the policy names',
      got: fingerprint,
      action: 'stop',
    });
  }
  return root;
}
