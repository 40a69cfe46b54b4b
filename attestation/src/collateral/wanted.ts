// Which items somebody needs: those for a piece of evidence, those for a policy. Duplicates are one, and what others rest on comes first.
import { fromBase64Url, toHex } from '@wardround/protocol/bytes';
import type { EvidenceItem } from '../evidence.ts';
import type { Policy } from '../policy/policy.ts';
import type { SnpProduct } from '../snp/product.ts';
import { productOfCpuid, snpProducts } from '../snp/product.ts';
import { parseSnpReport, signingKeys } from '../snp/report.ts';
import { decodeTcb } from '../snp/tcb.ts';
import type { AmdSigner, ItemKey } from './item-key.ts';
import { keyName } from './item-key.ts';

/** Each once, in the order given. */
export function distinct(keys: readonly ItemKey[]): readonly ItemKey[] {
  return [...new Map(keys.map((key) => [keyName(key), key])).values()];
}

export function wantedForProduct(product: SnpProduct, signer: AmdSigner): readonly ItemKey[] {
  return [
    { kind: 'amdCertChain', product, signer },
    { kind: 'amdCrl', product, signer },
  ];
}

/** Chains and lists of the products that the policy accepts. What names single machines' firmware is known from their evidence only. */
export function wantedForPolicy({ platforms: { sevSnp } }: Policy): readonly ItemKey[] {
  if (sevSnp === 'refused') return [];
  const signers: readonly AmdSigner[] = [
    ...(sevSnp.signedBy.vcek === 'allowed' ? (['vcek'] as const) : []),
    ...(sevSnp.signedBy.vlek === 'refused' ? [] : (['vlek'] as const)),
  ];
  return snpProducts
    .filter((product) => sevSnp.products[product] !== 'refused')
    .flatMap((product) => signers.flatMap((signer) => wantedForProduct(product, signer)));
}

/**
 * Everything that appraising these pieces of evidence takes.
 * @throws WardroundError those of the evidence's parsers
 */
export function wantedForEvidence(evidence: readonly EvidenceItem[]): readonly ItemKey[] {
  return distinct(evidence.flatMap(wantedForItem));
}

function wantedForItem(item: EvidenceItem): readonly ItemKey[] {
  switch (item.type) {
    case 'sevSnp':
      return wantedForSnpReport(fromBase64Url(item.report));
    default:
      return [];
  }
}

/**
 * A provider's certificate (VLEK) is its provider's to hand out: it comes with the evidence, never from AMD. Reports of version 2 do not
 * name their product, so that nothing can be said of them.
 * @throws WardroundError those of `parseSnpReport`, `snp-product`
 */
export function wantedForSnpReport(bytes: Uint8Array): readonly ItemKey[] {
  const report = parseSnpReport(bytes);
  if (report.cpuid === undefined) return [];
  const product = productOfCpuid(report.cpuid);
  if (report.signingKey === signingKeys.vlek) return wantedForProduct(product, 'vlek');
  const chipId = toHex(report.chipId.subarray(0, product === 'Turin' ? 8 : 64));
  const tcb = decodeTcb(report.tcb.reported, product);
  return [...wantedForProduct(product, 'vcek'), { kind: 'amdVcek', product, chipId, tcb }];
}
