// What `evidence verify` judges: bundle, policy, what was expected, and the collateral of the site's own.
import { parseLimitedJson } from '@wardround/protocol/canonical-json';
import { toBase64Url } from '@wardround/protocol/bytes';
import { readMirror } from '@wardround/attestation/collateral/read-mirror';
import type { MirroredEndorsement } from '@wardround/attestation/own-endorsement';
import { evidenceLimits, parseEvidence } from '@wardround/attestation/evidence';
import type { Policy } from '@wardround/attestation/policy/policy';
import { parsePolicy } from '@wardround/attestation/policy/policy';
import { withSecondOpinions } from '@wardround/attestation/second-opinions';
import type { AppraisalInput } from '@wardround/attestation/verifier';
import { readArmoured } from '@wardround/attestation/x509/pem';
import { readMirrorFiles } from '../collateral/read-files.ts';
import { readYamlFile } from '../yaml-file.ts';
import { hex32, instantOf, readAll, readBytes } from './files.ts';
import { readNrasFiles } from './nras-files.ts';

export interface AppraisalOptions {
  readonly policy: string;
  readonly nonce: string;
  readonly session?: string;
  readonly at?: string;
  readonly crl: readonly string[];
  readonly mirror?: string;
  readonly nrasToken: readonly string[];
  readonly nrasJwks?: string;
}

const crlFiles = { label: 'X509 CRL', maxInputBytes: 262_144, maxObjects: 64 } as const;

/** @throws WardroundError where a file or an option cannot be read */
export async function appraisalInput(path: string, options: AppraisalOptions): Promise<AppraisalInput> {
  const evidence = parseEvidence(parseLimitedJson(await readBytes(path), evidenceLimits));
  const policy = parsePolicy((await readYamlFile(options.policy)).value);
  const expected = {
    nonce: hex32(options.nonce, '--nonce'),
    sessionOpenDigest:
      options.session === undefined ? evidence.binding.sessionOpen : hex32(options.session, '--session'),
  };
  const at = instantOf(options.at);
  const crls = readArmoured(await readAll(options.crl), crlFiles);
  const lists = crls.map((der) => ({ endorsement: { type: 'crl' as const, der: toBase64Url(der) }, mirroredAt: at }));
  const mirrored = options.mirror === undefined ? [] : await mirrorOf(options.mirror, policy, at);
  const nras = await readNrasFiles({ tokens: options.nrasToken, jwks: options.nrasJwks }, at);
  const typed = nras.map((endorsement) => ({ endorsement, mirroredAt: at }));
  return await withSecondOpinions({ evidence, policy, expected, at, mirror: [...lists, ...typed, ...mirrored] });
}

/** Every item is verified again as it is read; the simulated vendors are believed where the policy names them, and nowhere else. */
async function mirrorOf(directory: string, policy: Policy, at: Date): Promise<readonly MirroredEndorsement[]> {
  const roots = { simulated: policy.simulatedPlatform?.roots ?? [] };
  return readMirror(await readMirrorFiles(directory), { at, roots }).mirrored;
}
