// Which items somebody needs: those for a piece of evidence, those for a policy. Duplicates are one, and what others rest on comes first.
import type { Bytes } from '@wardround/protocol/bytes';
import { fromBase64Url, toHex } from '@wardround/protocol/bytes';
import type { EvidenceItem } from '../evidence.ts';
import { parseNvidiaCertificates, verifyDeviceChain } from '../nvidia/chain.ts';
import type { NvidiaKind } from '../nvidia/device.ts';
import { readDevice, rimIds } from '../nvidia/device.ts';
import { parseNvidiaReport } from '../nvidia/report.ts';
import { trustedNvidiaRoots } from '../nvidia/roots.ts';
import type { Policy } from '../policy/policy.ts';
import type { SnpRules } from '../policy/snp-rules.ts';
import { wantedOpinion } from '../second-opinions.ts';
import type { SnpProduct } from '../snp/product.ts';
import { productOfCpuid, snpProducts } from '../snp/product.ts';
import { parseSnpReport, signingKeys } from '../snp/report.ts';
import { decodeTcb } from '../snp/tcb.ts';
import { readQuoteCertificates } from '../tdx/chain.ts';
import { readPck } from '../tdx/pck.ts';
import { parseTdxQuote } from '../tdx/quote.ts';
import type { Certificate } from '../x509/certificate.ts';
import { intelNames } from './intel.ts';
import type { AmdSigner, ItemKey } from './item-key.ts';
import { keyName } from './item-key.ts';
import { rimSigners } from './nvidia.ts';
import { pemOf } from './pem-of.ts';
import { tdxOf } from './refusal-date.ts';
import type { CollateralRoots } from './verified-item.ts';

export function wantedForProduct(product: SnpProduct, signer: AmdSigner): readonly ItemKey[] {
  return [
    { kind: 'amdCertChain', product, signer },
    { kind: 'amdCrl', product, signer },
  ];
}

/** What the policy's platforms take whatever the machine; what belongs to single machines is known from their evidence only. */
export function wantedForPolicy(policy: Policy): readonly ItemKey[] {
  const { sevSnp, azureSnpVtpm } = policy.platforms;
  const rules = [
    ...(sevSnp === 'refused' ? [] : [sevSnp]),
    ...(azureSnpVtpm === 'refused' ? [] : [azureSnpVtpm.sevSnp]),
  ];
  const intel: readonly ItemKey[] = [
    { kind: 'intelQeIdentity' },
    { kind: 'intelPckCrl', ca: 'platform' },
    { kind: 'intelRootCrl' },
  ];
  const nras: readonly ItemKey[] = wantedOpinion(policy) === null ? [] : [{ kind: 'nvidiaNrasKeys' }];
  const keys = [...rules.flatMap(wantedForSnp), ...(tdxOf(policy).length === 0 ? [] : intel), ...nras];
  return distinct(plainly(keys)).map(({ key }) => key);
}

function wantedForSnp({ signedBy, products }: SnpRules): readonly ItemKey[] {
  const signers: readonly AmdSigner[] = [
    ...(signedBy.vcek === 'allowed' ? (['vcek'] as const) : []),
    ...(signedBy.vlek === 'refused' ? [] : (['vlek'] as const)),
  ];
  return snpProducts
    .filter((product) => products[product] !== 'refused')
    .flatMap((product) => signers.flatMap((signer) => wantedForProduct(product, signer)));
}

/** An item, and what asking for it takes: of a certificate that OCSP is to be asked about, the chain. */
export interface Wanted {
  readonly key: ItemKey;
  readonly chain: Bytes | null;
}

/** Each once, in the order given. */
export function distinct(wanted: readonly Wanted[]): readonly Wanted[] {
  return [...new Map(wanted.map((item) => [keyName(item.key), item])).values()];
}

/** Items that are asked for by their name alone. */
export function plainly(keys: readonly ItemKey[]): readonly Wanted[] {
  return keys.map((key) => ({ key, chain: null }));
}

/**
 * Everything that appraising these pieces of evidence takes. What signs reference manifests shows when they are there: see `wantedForRim`.
 * @throws WardroundError those of the evidence's parsers
 */
export function wantedForEvidence(evidence: readonly EvidenceItem[], roots: CollateralRoots): readonly Wanted[] {
  return distinct(evidence.flatMap((item) => wantedForItem(item, roots)));
}

function wantedForItem(item: EvidenceItem, roots: CollateralRoots): readonly Wanted[] {
  switch (item.type) {
    case 'sevSnp':
      return plainly(wantedForSnpReport(fromBase64Url(item.report)));
    case 'tdx':
      return plainly(wantedForTdxQuote(fromBase64Url(item.quote)));
    case 'nvidiaGpu':
    case 'nvSwitch':
      return wantedForNvidiaDevice(
        {
          kind: item.type === 'nvSwitch' ? 'switch' : 'gpu',
          report: fromBase64Url(item.report),
          certificates: item.certificates.map(fromBase64Url),
        },
        roots,
      );
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

/** @throws WardroundError those of `parseTdxQuote`, `readQuoteCertificates` and `readPck` */
export function wantedForTdxQuote(bytes: Uint8Array): readonly ItemKey[] {
  const [leaf, intermediate] = readQuoteCertificates(parseTdxQuote(bytes).pckChain);
  const fmspc = toHex(readPck(leaf).fmspc);
  return wantedForFmspc(fmspc, intermediate.commonName === intelNames.processor ? 'processor' : 'platform');
}

/** Servers, which have TDX, are certified by the platform authority; the processor authority is of older, single machines. */
export function wantedForFmspc(fmspc: string, ca: 'platform' | 'processor'): readonly ItemKey[] {
  return [
    { kind: 'intelTcbInfo', fmspc },
    { kind: 'intelQeIdentity' },
    { kind: 'intelPckCrl', ca },
    { kind: 'intelRootCrl' },
  ];
}

export interface NvidiaDeviceEvidence {
  readonly kind: NvidiaKind;
  readonly report: Uint8Array;
  readonly certificates: readonly Uint8Array[];
}

/** @throws WardroundError those of `parseNvidiaReport`, `verifyDeviceChain` and `readDevice` */
export function wantedForNvidiaDevice(
  { kind, report: bytes, certificates }: NvidiaDeviceEvidence,
  { simulated }: CollateralRoots,
): readonly Wanted[] {
  const report = parseNvidiaReport(bytes);
  const chain = verifyDeviceChain(parseNvidiaCertificates(certificates), trustedNvidiaRoots(simulated).device);
  const { driver, vbios } = rimIds(readDevice(chain, report, kind), report);
  const ids = driver === undefined ? [vbios] : [driver, vbios];
  // The leaf is made by the device itself: NVIDIA's service knows nothing of it.
  return [...plainly(ids.map((id) => ({ kind: 'nvidiaRim', id }))), ...ocspOf(chain.certificates, 1)];
}

/** Whether whoever signed a manifest is revoked. @throws WardroundError as `rimSigners` */
export function wantedForRim(content: Bytes, roots: CollateralRoots): readonly Wanted[] {
  return ocspOf(rimSigners(content, roots), 0);
}

/** One question for each certificate from `first` on, but not for the root. */
function ocspOf(certificates: readonly Certificate[], first: number): readonly Wanted[] {
  const chain = pemOf(certificates);
  return certificates
    .slice(first, -1)
    .map(({ fingerprint }) => ({ key: { kind: 'nvidiaOcsp', certificate: fingerprint }, chain }));
}
