// `wardround evidence`: is this report genuine (inspect), and would this site's policy accept this bundle (verify)? No network, no trust.
import type { Command } from 'commander';
import { WardroundError } from '@wardround/protocol/errors';
import { isSameOutcome, recordOf, replayRecord } from '@wardround/attestation/appraisal-record';
import type { VerificationReport } from '@wardround/attestation/verifier';
import { verifyEnclave } from '@wardround/attestation/verifier';
import { createOutput } from '../output.ts';
import { instantOf } from '../evidence/files.ts';
import { type Inspected, kindNames, kindOf } from '../evidence/kinds.ts';
import { type Given, Inputs, dashed, inspectOptions, optionNames, requireAccepted } from '../evidence/options.ts';
import { appraisalInput } from '../evidence/appraisal-input.ts';
import { programVersion, readRecord, saveRecord } from '../evidence/record-file.ts';
import { inspectionText, replayText, verificationText } from '../evidence/text.ts';
import { ExitCode } from '../exit-code.ts';

/** 0: yes. 2: the input cannot be read. 10: not authentic. 20: authentic, but not what the policy accepts. 30: a replay with another outcome than recorded. */
const status = { unreadable: 2, notAuthentic: 10, notAccepted: 20, otherOutcome: 30 } as const;

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
  readonly mirror?: string;
  readonly nrasToken: readonly string[];
  readonly nrasJwks?: string;
  readonly save?: string;
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
    .option('--mirror <dir>', 'a directory of `wardround collateral`, judged together with what is in the bundle')
    .option(
      '--nras-token <file>',
      "an answer of NVIDIA's attestation service, beside those in the bundle (may be repeated)",
      collect,
      [],
    )
    .option('--nras-jwks <file>', "that service's keys, as you have them from it: nothing signs them")
    .option('--save <file>', 'write a record that `evidence replay` judges again; nothing is overwritten')
    .option('--at <time>', 'judge as of this instant (default: now)')
    .option('--json', 'print one JSON document')
    .action(
      async (bundle: string, options: VerifyOptions) =>
        await unreadableIs2(async () => await verifyBundle(bundle, options)),
    );
  evidence
    .command('replay')
    .description('judge a saved appraisal again, as of its instant and with its collateral: does the same come out?')
    .argument('<record>', 'what `evidence verify --save` wrote')
    .option('--json', 'print one JSON document')
    .action(
      async (path: string, options: { readonly json?: true }) =>
        await unreadableIs2(async () => await replay(path, options.json === true)),
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

async function verifyBundle(path: string, options: VerifyOptions): Promise<void> {
  const input = await appraisalInput(path, options);
  const report = verifyEnclave(input);
  if (options.save !== undefined) await saveRecord(options.save, recordOf(input, report, programVersion));
  createOutput(options.json === true).result(report, () => verificationText(report));
  exitWith(report);
}

async function replay(path: string, json: boolean): Promise<void> {
  const record = await readRecord(path);
  const replayed = await replayRecord(record);
  const same = isSameOutcome(replayed);
  const { report, differing, steps } = replayed;
  const { outcome, program } = record;
  createOutput(json).result(
    { kind: 'AppraisalReplay', same, differing, steps, recorded: outcome, program, report },
    () => replayText(record, replayed),
  );
  if (!same) throw new ExitCode(status.otherOutcome);
  exitWith(report);
}

function exitWith({ authentic, accepted }: VerificationReport): void {
  if (!authentic) throw new ExitCode(status.notAuthentic);
  if (!accepted) throw new ExitCode(status.notAccepted);
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
