// What to fetch: named one by one, what a policy needs, what a piece of evidence needs; and, where nothing is named, what is there already.
import { parseLimitedJson } from '@wardround/protocol/canonical-json';
import { WardroundError } from '@wardround/protocol/errors';
import { parseEvidence } from '@wardround/attestation/evidence';
import type { ItemKey } from '@wardround/attestation/collateral/item-key';
import {
  distinct,
  wantedForEvidence,
  wantedForPolicy,
  wantedForProduct,
  wantedForSnpReport,
} from '@wardround/attestation/collateral/wanted';
import { type Policy, parsePolicy } from '@wardround/attestation/policy/policy';
import { snpProducts } from '@wardround/attestation/snp/product';
import { snpReportBytes } from '@wardround/attestation/snp/report';
import { readBytes } from '../evidence/files.ts';
import { readYamlFile } from '../yaml-file.ts';

export interface SelectionOptions {
  readonly for: readonly string[];
  readonly policy?: string;
  readonly amd: readonly string[];
}

export async function readPolicyOption(path: string | undefined): Promise<Policy | null> {
  return path === undefined ? null : parsePolicy((await readYamlFile(path)).value);
}

/** @throws WardroundError those of the files' readers, `option-invalid` */
export async function selectedItems(options: SelectionOptions, policy: Policy | null): Promise<readonly ItemKey[]> {
  const evidence = await Promise.all(options.for.map(wantedForFile));
  return distinct([
    ...options.amd.flatMap(amdItems),
    ...(policy === null ? [] : wantedForPolicy(policy)),
    ...evidence.flat(),
  ]);
}

/** An Evidence bundle, or a bare SEV-SNP report as the hardware made it. */
async function wantedForFile(path: string): Promise<readonly ItemKey[]> {
  const bytes = await readBytes(path);
  if (bytes.byteLength === snpReportBytes && bytes[0] !== openingBrace) return wantedForSnpReport(bytes);
  // Indented as well as canonical: a person may have looked at it.
  const { evidence } = parseEvidence(parseLimitedJson(bytes, { maxBytes: 4 * 1024 * 1024, maxDepth: 8 }));
  return wantedForEvidence(evidence);
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
