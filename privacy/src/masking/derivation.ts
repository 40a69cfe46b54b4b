// Seeds and keys from a site's two secrets of one attempt. Each is bound to the attempt (salt), to its purpose (label) and to its names (info).
import { hkdfSync } from 'node:crypto';
import { type Bytes, concatBytes, fromHex, labelledSha256, toBase64Url, toHex, utf8 } from '@wardround/protocol/bytes';
import { canonicalJson } from '@wardround/protocol/canonical-json';
import type { HpkePublicKey } from '@wardround/protocol/documents/primitives';
import { HpkePrivateKey } from '@wardround/protocol/hpke-keys';
import { hpkeSuite } from '@wardround/protocol/hpke-suite';
import { type Label, labels } from '@wardround/protocol/labels';

/** Bytes of a root, a self seed, a pair seed. */
export const seedLength = 32;

/**
 * A site's pairwise key of one attempt, from its root: whoever reconstructs the root can open what peers sealed to it, and nothing else of the
 * site. RFC 9180 section 7.1.3 (DeriveKeyPair).
 */
export async function derivePairKey(root: Uint8Array, attempt: string, site: string): Promise<HpkePrivateKey> {
  const material = derive(root, { label: labels.maskPairKey, attempt, names: [site] });
  const { publicKey, privateKey } = await hpkeSuite.DeriveKeyPair(material, false);
  const key = toBase64Url(await hpkeSuite.SerializePublicKey(publicKey));
  return new HpkePrivateKey({ kem: 'MLKEM768-X25519', key }, privateKey);
}

/** The seed that `from` makes for the pair with `to` and seals to it. Of two sites the one with the smaller name makes it. */
export function derivePairSeed(root: Uint8Array, attempt: string, { from, to }: { from: string; to: string }): Bytes {
  return derive(root, { label: labels.maskPairSeed, attempt, names: [from, to] });
}

/** The key of the mask that this seed makes for this tensor: two tensors, or two attempts, never share one. */
export function deriveStreamKey(seed: Uint8Array, attempt: string, tensor: string): Bytes {
  return derive(seed, { label: labels.maskStream, attempt, names: [tensor] });
}

/** HKDF-SHA256 (RFC 5869). */
function derive(
  secret: Uint8Array,
  { label, attempt, names }: { label: Label; attempt: string; names: readonly string[] },
): Bytes {
  const info = concatBytes(utf8(label), Uint8Array.of(0), canonicalJson(names));
  return new Uint8Array(hkdfSync('sha256', secret, fromHex(attempt, 32), info, seedLength));
}

/** Hides a self seed and holds its dealer to it: the seed has 256 random bits. Hex. */
export function commitToSelfSeed(seed: Uint8Array, attempt: string, site: string): string {
  return toHex(labelledSha256(labels.maskSelfSeed, canonicalJson([attempt, site]), seed));
}

/** Holds a dealer to each share that it dealt, so that a wrong one shows, and who gave it. Hex. */
export function commitToShare(
  share: Uint8Array,
  attempt: string,
  { dealer, holder, of }: { dealer: string; holder: string; of: SecretName },
): string {
  return toHex(labelledSha256(labels.maskShare, canonicalJson([attempt, dealer, holder, of]), share));
}

/** `root`: opens the pairwise masks of a site that dropped out. `self`: opens the own mask of a site that did not. Never both of one site. */
export type SecretName = 'root' | 'self';

/** What a message from site to site is sealed for: hex, the context of HPKE's `info`. */
export function packetContext(label: Label, attempt: string, { from, to }: { from: string; to: string }): string {
  return toHex(labelledSha256(label, canonicalJson([attempt, from, to])));
}

export function samePublicKey(a: HpkePublicKey, b: HpkePublicKey): boolean {
  return a.kem === b.kem && a.key === b.key;
}
