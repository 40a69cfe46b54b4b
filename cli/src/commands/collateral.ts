// `wardround collateral fetch|import|export|status`: vendors' certificates, lists and manifests in a directory that can be carried on a stick.
import { type Command, Option } from 'commander';
import { readMirror } from '@wardround/attestation/collateral/read-mirror';
import type { CollateralRoots } from '@wardround/attestation/collateral/verified-item';
import { plainly } from '@wardround/attestation/collateral/wanted';
import type { Policy } from '@wardround/attestation/policy/policy';
import { hasCode, WardroundError } from '@wardround/protocol/errors';
import { fetchCollateral } from '../collateral/fetch.ts';
import { HttpClient } from '../collateral/http.ts';
import { MirrorWriter } from '../collateral/mirror-writer.ts';
import { readMirrorFiles } from '../collateral/read-files.ts';
import { readPolicyOption, type SelectionOptions, selectedItems } from '../collateral/selection.ts';
import { statusOf } from '../collateral/status.ts';
import { fetchedText, isOlder, statusText, transferredText } from '../collateral/text.ts';
import { importFrom, importMirror, requireThere, type Transferred } from '../collateral/transfer.ts';
import { type VendorAddresses, vendorAddresses } from '../collateral/vendors.ts';
import { hex32, instantOf } from '../evidence/files.ts';
import { ExitCode } from '../exit-code.ts';
import { createOutput, type Output } from '../output.ts';
import { type Json, jsonOption } from './options.ts';

/** 0: all is well. 1: incomplete, or something is refused already. */
const incomplete = 1;

interface Common extends Json {
  readonly dir?: string;
  readonly trustSimulatedRoot: readonly string[];
}

interface FetchCommand extends Common, SelectionOptions {
  readonly amdUrl: string;
  readonly intelUrl: string;
  readonly intelCertificatesUrl: string;
  readonly nvidiaRimUrl: string;
  readonly nvidiaOcspUrl: string;
  readonly nvidiaNrasUrl: string;
  readonly budget: string;
  readonly again?: true;
}

interface ImportCommand extends Common {
  readonly believeDates?: true;
  readonly believeNrasKeys?: true;
}

interface StatusCommand extends Common {
  readonly policy?: string;
  readonly at?: string;
}

const collect = (value: string, earlier: readonly string[]): readonly string[] => [...earlier, value];

export function addCollateralCommands(program: Command): void {
  const collateral = program
    .command('collateral')
    .description("keep the vendors' certificates, revocation lists and reference values, for appraising offline");
  addFetch(collateral);
  addImport(collateral);
  addExport(collateral);
  addStatus(collateral);
}

function withCommon(command: Command): Command {
  return command
    .option('--dir <dir>', 'where the collateral is kept (default: $WARDROUND_COLLATERAL, else ./collateral)')
    .option(
      '--trust-simulated-root <sha256>',
      'NAMED WEAKNESS: also believe this simulated vendor, which proves nothing (may be repeated)',
      collect,
      [],
    )
    .addOption(jsonOption());
}

function addFetch(collateral: Command): void {
  withCommon(collateral.command('fetch'))
    .description('get from the vendors what is named, or, where nothing is named, what is here already, anew')
    .option(
      '--for <file>',
      'what this evidence needs: a bundle, or a bare SEV-SNP report or TDX quote (may be repeated)',
      collect,
      [],
    )
    .option('--policy <file>', 'what this policy.yaml needs')
    .option('--amd <product>', 'Genoa, Turin, Milan: certificates and revocation list (may be repeated)', collect, [])
    .option('--intel-fmspc <hex>', 'what TDX machines of this family need (may be repeated)', collect, [])
    .option(
      '--nvidia-rim <id>',
      'a reference manifest, such as NV_GPU_DRIVER_GH100_550.144.03 (may be repeated)',
      collect,
      [],
    )
    .option('--nvidia-nras-keys', "the keys of NVIDIA's attestation service, for a policy with nras: required")
    .option('--again', 'ask also for what is here and fresh')
    .option('--budget <seconds>', 'how long to go on trying while services are busy or away', '300')
    .addOption(new Option('--amd-url <url>', "AMD's KDS, or your mirror of it").default(vendorAddresses.amd))
    .addOption(new Option('--intel-url <url>', "Intel's PCS, or your mirror of it").default(vendorAddresses.intel))
    .addOption(
      new Option('--intel-certificates-url <url>', "Intel's certificate service").default(
        vendorAddresses.intelCertificates,
      ),
    )
    .addOption(
      new Option('--nvidia-rim-url <url>', "NVIDIA's RIM service ($NVIDIA_API_KEY is sent to it)").default(
        vendorAddresses.nvidiaRim,
      ),
    )
    .addOption(new Option('--nvidia-ocsp-url <url>', "NVIDIA's OCSP service").default(vendorAddresses.nvidiaOcsp))
    .addOption(
      new Option('--nvidia-nras-url <url>', "NVIDIA's attestation service, by https").default(
        vendorAddresses.nvidiaNras,
      ),
    )
    .action(runFetch);
}

function addImport(collateral: Command): void {
  withCommon(collateral.command('import'))
    .description('take in items from a stick, each verified: a collateral directory, or files as the vendors give them')
    .argument('<path...>', 'directories or files')
    .option('--believe-dates', "NAMED WEAKNESS: take the stick's word for when its items were mirrored (default: now)")
    .option(
      '--believe-nras-keys',
      "NAMED WEAKNESS: take the stick's word for the keys of NVIDIA's attestation service, which nothing signs",
    )
    .action(async (paths: readonly string[], options: ImportCommand) => await runImport(paths, options));
}

function addExport(collateral: Command): void {
  withCommon(collateral.command('export'))
    .description(
      'bring every good item to another directory, for example on a stick; older items replace nothing there',
    )
    .argument('<directory>', 'made where it is not there')
    .action(async (target: string, options: Common) => await runExport(target, options));
}

function addStatus(collateral: Command): void {
  withCommon(collateral.command('status'))
    .description('what is here, how old it is, and from which day on it is refused')
    .option('--policy <file>', "with this policy.yaml's maximum ages, and what it needs")
    .option('--at <time>', 'as of this instant (default: now)')
    .action(runStatus);
}

async function runFetch(options: FetchCommand): Promise<void> {
  const output = createOutput(options.json === true);
  const policy = await readPolicyOption(options.policy);
  const roots = rootsOf(options, policy);
  warnOfSimulation(output, roots);
  const named = await selectedItems(options, { policy, roots });
  // Before anything is made: a mistyped --dir leaves no empty directory behind.
  if (!isNaming(options)) await readMirrorFiles(directoryOf(options)).catch(nothingHere);
  const now = (): Date => new Date();
  const addresses = addressesOf(options);
  const budgetMs = secondsOf(options.budget, '--budget') * 1000;
  const client = new HttpClient(now);
  const writer = await MirrorWriter.open(directoryOf(options), { roots, now });
  try {
    const wanted = isNaming(options) ? named : plainly(writer.index.items.map(({ key }) => key));
    if (wanted.length === 0) throw nothingWanted();
    const items = await fetchCollateral({
      writer,
      wanted,
      send: client.send,
      roots,
      addresses,
      nvidiaApiKey: process.env['NVIDIA_API_KEY'],
      pace: { now, sleep, random: Math.random },
      budgetMs,
      freshMs: options.again === true ? 0 : freshMs,
      note: (line) => output.note(line),
    });
    const complete = items.every(({ outcome }) => outcome !== 'failed');
    output.result({ directory: directoryOf(options), complete, items: items.map(withoutContents) }, () =>
      fetchedText(items),
    );
    if (!complete) throw new ExitCode(incomplete);
  } finally {
    writer.close();
    await client.close();
  }
}

/** Lists may change any hour; asking twice a day is what vendors expect of a mirror. */
const freshMs = 12 * 3_600_000;

async function runImport(paths: readonly string[], options: ImportCommand): Promise<void> {
  const output = createOutput(options.json === true);
  const roots = rootsOf(options, null);
  warnOfSimulation(output, roots);
  if (options.believeDates === true)
    output.note('NAMED WEAKNESS: believing what the stick says of when its items were mirrored');
  if (options.believeNrasKeys === true)
    output.note('NAMED WEAKNESS: believing what the stick says are the keys of NVIDIA’s attestation service');
  await requireThere(paths);
  const now = new Date();
  const writer = await MirrorWriter.open(directoryOf(options), { roots, now: () => now });
  try {
    const transferred = await importFrom(paths, {
      writer,
      now,
      believeDates: options.believeDates === true,
      believeNrasKeys: options.believeNrasKeys === true,
    });
    reportTransfer(output, { transferred, where: directoryOf(options) });
  } finally {
    writer.close();
  }
}

async function runExport(target: string, options: Common): Promise<void> {
  const output = createOutput(options.json === true);
  const roots = rootsOf(options, null);
  warnOfSimulation(output, roots);
  const now = new Date();
  // Asked first, so that a mistyped --dir leaves no empty directory on the stick.
  await readMirrorFiles(directoryOf(options));
  const writer = await MirrorWriter.open(target, { roots, now: () => now });
  try {
    // Our own word for our own dates, and for the keys that nothing signs.
    const own = { believeDates: true, believeNrasKeys: true } as const;
    const transferred = await importMirror(directoryOf(options), { writer, now, ...own });
    reportTransfer(output, { transferred, where: target });
  } finally {
    writer.close();
  }
}

function reportTransfer(output: Output, { transferred, where }: { transferred: Transferred; where: string }): void {
  const { items, unknown } = transferred;
  const complete = items.every((item) => item.outcome !== 'refused' || isOlder(item.code));
  output.result({ directory: where, complete, items: items.map(withoutContents), unknown }, () =>
    transferredText(transferred, where),
  );
  if (!complete || items.length === 0) throw new ExitCode(incomplete);
}

async function runStatus(options: StatusCommand): Promise<void> {
  const output = createOutput(options.json === true);
  const policy = await readPolicyOption(options.policy);
  const roots = rootsOf(options, policy);
  const at = instantOf(options.at);
  const reading = readMirror(await readMirrorFiles(directoryOf(options)), { at, roots });
  const status = statusOf(reading, { at, policy });
  output.result({ directory: directoryOf(options), ...status }, () => statusText(status));
  if (!status.fresh || status.lines.length === 0) throw new ExitCode(incomplete);
}

function directoryOf({ dir }: Common): string {
  return dir ?? process.env['WARDROUND_COLLATERAL'] ?? 'collateral';
}

/** Roots that were typed, and those that the policy names. */
function rootsOf({ trustSimulatedRoot }: Common, policy: Policy | null): CollateralRoots {
  const typed = trustSimulatedRoot.map((text) => hex32(text, '--trust-simulated-root'));
  return { simulated: [...new Set([...typed, ...(policy?.simulatedPlatform?.roots ?? [])])] };
}

function warnOfSimulation(output: Output, { simulated }: CollateralRoots): void {
  if (simulated.length > 0)
    output.note(
      'NAMED WEAKNESS simulatedPlatform: a simulated vendor is believed; its items prove nothing about hardware',
    );
}

function isNaming({ for: evidence, policy, amd, intelFmspc, nvidiaRim, nvidiaNrasKeys }: SelectionOptions): boolean {
  const named = evidence.length + amd.length + intelFmspc.length + nvidiaRim.length;
  return named > 0 || policy !== undefined || nvidiaNrasKeys === true;
}

function nothingWanted(): WardroundError {
  return new WardroundError('collateral-nothing', 'what was named needs no collateral that this version can fetch');
}

function nothingHere(error: unknown): never {
  if (!hasCode(error, 'collateral-missing')) throw error;
  throw new WardroundError('collateral-nothing', 'nothing is here yet, so say what to fetch', {
    expected: '--policy policy.yaml, --for BUNDLE.json, or --amd Genoa',
  });
}

function withoutContents<T extends object>(item: T): Omit<T, 'verified' | 'entered'> {
  const { verified: _verified, entered: _entered, ...rest }: T & { verified?: unknown; entered?: unknown } = item;
  return rest;
}

/** @throws WardroundError `option-invalid` */
function secondsOf(text: string, where: string): number {
  if (/^\d{1,6}$/.test(text)) return Number(text);
  throw new WardroundError('option-invalid', 'not a number of seconds', { where, got: text, expected: 'such as 300' });
}

function addressesOf(options: FetchCommand): VendorAddresses {
  return {
    amd: addressOf(options.amdUrl, '--amd-url'),
    intel: addressOf(options.intelUrl, '--intel-url'),
    intelCertificates: addressOf(options.intelCertificatesUrl, '--intel-certificates-url'),
    nvidiaRim: addressOf(options.nvidiaRimUrl, '--nvidia-rim-url'),
    nvidiaOcsp: addressOf(options.nvidiaOcspUrl, '--nvidia-ocsp-url'),
    nvidiaNras: addressOf(options.nvidiaNrasUrl, '--nvidia-nras-url'),
  };
}

/** @throws WardroundError `option-invalid` */
function addressOf(text: string, where: string): string {
  const url = URL.parse(text);
  const plain = url !== null && url.search === '' && url.hash === '' && url.username === '' && url.password === '';
  if (plain && (url.protocol === 'https:' || url.protocol === 'http:')) return text.replace(/\/+$/, '');
  throw new WardroundError('option-invalid', 'not an http or https address', { where, expected: 'https://HOST' });
}

async function sleep(milliseconds: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, milliseconds));
}
