// What to fetch: named one by one, what a policy needs, what a piece of evidence needs; and, where nothing is named, what is there already.
import { parseLimitedJson } from '@wardround/protocol/canonical-json';
import { WardroundError } from '@wardround/protocol/errors';
import { parseEvidence } from '@wardround/attestation/evidence';
import { type ItemKey, itemKeySchema } from '@wardround/attestation/collateral/item-key';
import type { CollateralRoots } from '@wardround/attestation/collateral/verified-item';
import {
  distinct,
  plainly,
  type Wanted,
  wantedForEvidence,
  wantedForFmspc,
  wantedForPolicy,
  wantedForProduct,
  wantedForSnpReport,
  wantedForTdxQuote,
} from '@wardround/attestation/collateral/wanted';
import { type Policy, parsePolicy } from '@wardround/attestation/policy/policy';
import { snpProducts } from '@wardround/attestation/snp/product';
import { snpReportBytes } from '@wardround/attestation/snp/report';
import { readQuoteFile } from '@wardround/attestation/tdx/quote-file';
import { readBytes } from '../evidence/files.ts';
import { readYamlFile } from '../yaml-file.ts';

export interface SelectionOptions {
  readonly for: readonly string[];
  readonly policy?: string;
  readonly amd: readonly string[];
  readonly intelFmspc: readonly string[];
  readonly nvidiaRim: readonly string[];
  readonly nvidiaNrasKeys?: true;
}

export async function readPolicyOption(path: string | undefined): Promise<Policy | null> {
  return path === undefined ? null : parsePolicy((await readYamlFile(path)).value);
}

/** @throws WardroundError those of the files' readers, `option-invalid` */
export async function selectedItems(
  options: SelectionOptions,
  { policy, roots }: { readonly policy: Policy | null; readonly roots: CollateralRoots },
): Promise<readonly Wanted[]> {
  const evidence = await Promise.all(options.for.map(async (path) => await wantedForFile(path, roots)));
  const named = [
    ...options.amd.flatMap(amdItems),
    ...options.intelFmspc.flatMap(intelItems),
    ...options.nvidiaRim.map(rimItem),
    ...(options.nvidiaNrasKeys === true ? [{ kind: 'nvidiaNrasKeys' } as const] : []),
    ...(policy === null ? [] : wantedForPolicy(policy)),
  ];
  return distinct([...plainly(named), ...evidence.flat()]);
}

/** An Evidence bundle, or bare evidence as the hardware made it: an SEV-SNP report, or a TDX quote. */
async function wantedForFile(path: string, roots: CollateralRoots): Promise<readonly Wanted[]> {
  const bytes = await readBytes(path);
  if (bytes.byteLength === snpReportBytes && bytes[0] !== openingBrace) return plainly(wantedForSnpReport(bytes));
  if (bytes[0] !== openingBrace) return plainly(wantedForTdxQuote(readQuoteFile(bytes)));
  // Indented as well as canonical: a person may have looked at it.
  const { evidence } = parseEvidence(parseLimitedJson(bytes, { maxBytes: 4 * 1024 * 1024, maxDepth: 8 }));
  return wantedForEvidence(evidence, roots);
}

const openingBrace = 0x7b;

/** `Genoa`, for chips' own keys, or `Genoa:vlek`, for providers'. */
function amdItems(text: string): readonly ItemKey[] {
  const [name = '', signer = 'vcek', ...rest] = text.split(':');
  const product = snpProducts.find((candidate) => candidate.toLowerCase() === name.toLowerCase());
  if (product === undefined || (signer !== 'vcek' && signer !== 'vlek') || rest.length > 0) {
    throw new WardroundError('option-invalid', 'not a product of AMD that is known', {
      where: '--amd',
      expected: `${snpProducts.join(', ')}; with :vlek for providers' keys`,
      got: text,
    });
  }
  return wantedForProduct(product, signer);
}

/** `00906ed50000`, or `00906ed50000:processor` for machines that the processor authority certifies. */
function intelItems(text: string): readonly ItemKey[] {
  const [fmspc = '', ca = 'platform', ...rest] = text.toLowerCase().split(':');
  if (/^[0-9a-f]{12}$/.test(fmspc) && (ca === 'platform' || ca === 'processor') && rest.length === 0)
    return wantedForFmspc(fmspc, ca);
  throw new WardroundError('option-invalid', 'not a family of platforms', {
    where: '--intel-fmspc',
    expected: '12 hex digits, such as 90c06f000000; with :processor for machines of the processor authority',
    got: text,
  });
}

function rimItem(id: string): ItemKey {
  const key = itemKeySchema.safeParse({ kind: 'nvidiaRim', id });
  if (key.success) return key.data;
  throw new WardroundError('option-invalid', 'not an id of a reference manifest', {
    where: '--nvidia-rim',
    expected: 'such as NV_GPU_DRIVER_GH100_550.144.03',
    got: id,
  });
}
