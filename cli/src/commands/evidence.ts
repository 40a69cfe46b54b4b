// `wardround evidence`: is this report genuine (inspect), and would this site's policy accept this bundle (verify)? No network, no trust.
import type { Command } from 'commander';
import { parseLimitedJson } from '@wardround/protocol/canonical-json';
import { toBase64Url } from '@wardround/protocol/bytes';
import { WardroundError } from '@wardround/protocol/errors';
import { evidenceLimits, parseEvidence } from '@wardround/attestation/evidence';
import { readArmoured } from '@wardround/attestation/x509/pem';
import { parsePolicy } from '@wardround/attestation/policy/policy';
import { verifyEnclave } from '@wardround/attestation/verifier';
import { createOutput } from '../output.ts';
import { hex32, instantOf, readAll, readBytes } from '../evidence/files.ts';
import { type Inspected, kindNames, kindOf } from '../evidence/kinds.ts';
import { type Given, Inputs, dashed, inspectOptions, optionNames, requireAccepted } from '../evidence/options.ts';
import { inspectionText, verificationText } from '../evidence/text.ts';
import { ExitCode } from '../exit-code.ts';
import { readYamlFile } from '../yaml-file.ts';

/** 0: yes. 2: the input cannot be read. 10: not authentic. 20: authentic, but not what the policy accepts. */
const status = { unreadable: 2, notAuthentic: 10, notAccepted: 20 } as const;

interface InspectOptions extends Given {
  readonly kind: string;
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
  addInspect(evidence);
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

function addInspect(evidence: Command): void {
  const command = evidence
    .command('inspect')
    .description(
      'is this evidence signed by genuine hardware? Says nothing of whether you want that machine or that code',
    )
    .argument('[file]', 'the evidence, for the kinds that are one file')
    .requiredOption('--kind <kind>', `the sort of evidence: ${kindNames.join(', ')}`);
  for (const option of optionNames()) {
    command.option(`--${dashed(option)} <value>`, inspectOptions[option], collect, []);
  }
  command
    .option('--at <time>', 'judge as of this instant (default: now)')
    .option('--json', 'print one JSON document')
    .action(
      async (file: string | undefined, options: InspectOptions) =>
        await unreadableIs2(async () => await inspect(file, options)),
    );
}

async function inspect(file: string | undefined, options: InspectOptions): Promise<void> {
  const kind = kindOf(options.kind);
  const inputs = new Inputs(options, file);
  requireAccepted(options.kind, kind.accepts, inputs);
  const inspected = await kind.inspect(inputs, instantOf(options.at));
  requireReadable(inspected);
  createOutput(options.json === true).result(inspected.inspection, () => inspectionText(inspected));
  if (!inspected.inspection.authentic) throw new ExitCode(status.notAuthentic);
}

const crlFiles = { label: 'X509 CRL', maxInputBytes: 262_144, maxObjects: 64 } as const;

async function verifyBundle(path: string, options: VerifyOptions): Promise<void> {
  const evidence = parseEvidence(parseLimitedJson(await readBytes(path), evidenceLimits));
  const policy = parsePolicy((await readYamlFile(options.policy)).value);
  const crls = readArmoured(await readAll(options.crl), crlFiles);
  const expected = {
    nonce: hex32(options.nonce, '--nonce'),
    sessionOpenDigest:
      options.session === undefined ? evidence.binding.sessionOpen : hex32(options.session, '--session'),
  };
  const at = instantOf(options.at);
  const mirror = crls.map((der) => ({ endorsement: { type: 'crl' as const, der: toBase64Url(der) }, mirroredAt: at }));
  const report = verifyEnclave({ evidence, policy, expected, at, mirror });
  createOutput(options.json === true).result(report, () => verificationText(report));
  if (!report.authentic) throw new ExitCode(status.notAuthentic);
  if (!report.accepted) throw new ExitCode(status.notAccepted);
}

function requireReadable({ inspection, unreadable }: Inspected): void {
  const step = inspection.steps.find(({ code }) => code !== undefined && unreadable.has(code));
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
