// `wardround evidence`: is this report genuine (inspect), and would this site's policy accept this bundle (verify)? No network, no trust.
import { readFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { parseLimitedJson } from '@wardround/protocol/canonical-json';
import { WardroundError } from '@wardround/protocol/errors';
import { evidenceLimits, parseEvidence } from '@wardround/attestation/evidence';
import { parsePolicy } from '@wardround/attestation/policy/policy';
import { amdRoots } from '@wardround/attestation/roots';
import { inspectSnp } from '@wardround/attestation/snp/inspect';
import type { Step } from '@wardround/attestation/steps';
import { verifyEnclave } from '@wardround/attestation/verifier';
import { createOutput } from '../output.ts';
import { ExitCode } from '../exit-code.ts';
import { inspectionText, verificationText } from '../evidence-text.ts';
import { readYamlFile } from '../yaml-file.ts';

/** 0: yes. 2: the input cannot be read. 10: not authentic. 20: authentic, but not what the policy accepts. */
const status = { unreadable: 2, notAuthentic: 10, notAccepted: 20 } as const;

const maxFileBytes = 4 * 1024 * 1024;

interface InspectOptions {
  readonly kind: string;
  readonly report: string;
  readonly cert: readonly string[];
  readonly chain: readonly string[];
  readonly crl: readonly string[];
  readonly at?: string;
  readonly json?: true;
}

interface VerifyOptions {
  readonly policy: string;
  readonly nonce: string;
  readonly session?: string;
  readonly at?: string;
  readonly crl: readonly string[];
  readonly json?: true;
}

const collect = (value: string, earlier: readonly string[]): readonly string[] => [...earlier, value];

export function addEvidenceCommands(program: Command): void {
  const evidence = program.command('evidence').description('look at and judge attestation evidence, offline');
  evidence
    .command('inspect')
    .description(
      'is this report signed by genuine hardware? Says nothing of whether you want that machine or that code',
    )
    .requiredOption('--kind <kind>', 'the sort of evidence: snp')
    .requiredOption('--report <file>', 'the attestation report, as the hardware made it')
    .requiredOption('--cert <file>', "the chip's certificate, PEM or DER (may be repeated)", collect, [])
    .option('--chain <file>', 'certificates between it and the root, PEM or DER (may be repeated)', collect, [])
    .option('--crl <file>', 'a revocation list, PEM or DER (may be repeated)', collect, [])
    .option('--at <time>', 'judge as of this instant (default: now)')
    .option('--json', 'print one JSON document')
    .action(async (options: InspectOptions) => await unreadableIs2(async () => await inspect(options)));
  evidence
    .command('verify')
    .description('would a site with this policy accept this bundle, made for this nonce?')
    .argument('<bundle>', 'the Evidence document (JSON)')
    .requiredOption('--policy <file>', "the site's policy.yaml")
    .requiredOption('--nonce <hex>', 'the nonce that the site asked with')
    .option('--session <hex>', 'digest of the SessionOpen it must be bound to (default: the one that the bundle names)')
    .option('--crl <file>', 'a revocation list of your own mirror, PEM or DER (may be repeated)', collect, [])
    .option('--at <time>', 'judge as of this instant (default: now)')
    .option('--json', 'print one JSON document')
    .action(
      async (bundle: string, options: VerifyOptions) =>
        await unreadableIs2(async () => await verifyBundle(bundle, options)),
    );
}

async function inspect(options: InspectOptions): Promise<void> {
  if (options.kind !== 'snp') {
    throw new WardroundError('evidence-kind', 'this version does not know that sort of evidence', {
      expected: 'snp',
      got: options.kind,
      where: '--kind',
    });
  }
  const [report, certificates, chain, crls] = await Promise.all([
    readBytes(options.report),
    readAll(options.cert),
    readAll(options.chain),
    readAll(options.crl),
  ]);
  const input = {
    report,
    certificates: [...certificates, ...chain],
    crls,
    at: instantOf(options.at),
    trustedRoots: amdRoots,
  };
  const inspection = inspectSnp(input);
  requireReadable(inspection.steps);
  createOutput(options.json === true).result(inspection, () => inspectionText(inspection));
  if (!inspection.authentic) throw new ExitCode(status.notAuthentic);
}

async function verifyBundle(path: string, options: VerifyOptions): Promise<void> {
  const evidence = parseEvidence(parseLimitedJson(await readBytes(path), evidenceLimits));
  const policy = parsePolicy((await readYamlFile(options.policy)).value);
  const extraCrls = await readAll(options.crl);
  const expected = {
    nonce: hex32(options.nonce, '--nonce'),
    sessionOpenDigest:
      options.session === undefined ? evidence.binding.sessionOpen : hex32(options.session, '--session'),
  };
  const report = verifyEnclave({ evidence, policy, expected, at: instantOf(options.at), extraCrls });
  createOutput(options.json === true).result(report, () => verificationText(report));
  if (!report.authentic) throw new ExitCode(status.notAuthentic);
  if (!report.accepted) throw new ExitCode(status.notAccepted);
}

/** Codes of bytes that are no report, certificate or list at all; whatever can be read and says something wrong gets a verdict. */
const unreadable: ReadonlySet<string> = new Set([
  'snp-report-size',
  'pem-malformed',
  'pem-too-large',
  'der-malformed',
  'certificate-malformed',
  'crl-malformed',
]);

function requireReadable(steps: readonly Step[]): void {
  const step = steps.find(({ code }) => code !== undefined && unreadable.has(code));
  if (step === undefined) return;
  throw new WardroundError(step.code ?? 'evidence-unreadable', step.reason ?? 'this cannot be read', {
    where: step.name,
  });
}

async function unreadableIs2(work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (error instanceof WardroundError) throw new ExitCode(status.unreadable, error);
    throw error;
  }
}

async function readAll(paths: readonly string[]): Promise<readonly Buffer[]> {
  return await Promise.all(paths.map(readBytes));
}

async function readBytes(path: string): Promise<Buffer> {
  try {
    const bytes = await readFile(path);
    if (bytes.byteLength <= maxFileBytes) return bytes;
  } catch (cause) {
    throw new WardroundError('file-unreadable', 'this file cannot be read', { where: path, cause });
  }
  throw new WardroundError('file-too-large', 'larger than any evidence', {
    where: path,
    expected: `at most ${maxFileBytes} bytes`,
  });
}

export function instantOf(text: string | undefined): Date {
  const at = text === undefined ? new Date() : new Date(text);
  const hasZone = text === undefined || /(?:Z|[+-]\d{2}:\d{2})$/.test(text);
  if (!Number.isNaN(at.getTime()) && hasZone) return at;
  throw new WardroundError('instant-invalid', 'not an instant', {
    expected: 'such as 2026-11-23T12:00:00Z',
    got: text ?? '',
    where: '--at',
  });
}

function hex32(text: string, where: string): string {
  if (/^[0-9a-f]{64}$/.test(text)) return text;
  throw new WardroundError('hex-invalid', 'not 32 bytes in hex', {
    expected: '64 lower-case hex digits',
    got: text,
    where,
  });
}
