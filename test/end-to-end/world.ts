// A whole federation of real processes for the end-to-end tests, each started with the words that a person would type, from any checkout.
import { type ChildProcess, spawn } from 'node:child_process';
import { createWriteStream, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseCertificates } from '@wardround/attestation/x509/certificate';
import { examplePolicy } from '@wardround/attestation/policy/example';
import { parseSimulatedEndorsements } from '@wardround/attestation/simulated/files';
import { findSnpLeaf } from '@wardround/attestation/snp/leaf';
import { copyBytes, fromBase64Url, toHex } from '@wardround/protocol/bytes';
import { root as thisCheckout } from '../architecture/imports.ts';

export interface WorldOptions {
  /** The checkout whose programs run: this one, or one with a guard taken out. */
  readonly root?: string;
  readonly sites: readonly { readonly name: string; readonly csv: string }[];
  readonly plan: PlanOptions;
  /** Puts a hostile coordinator between the programs and the real one. */
  readonly attack?: string;
}

export interface PlanOptions {
  /** Makes one plan differ from another that asks for the same. */
  readonly title?: string;
  readonly rounds: number;
  readonly strategy?: string;
  readonly deadline?: string;
  readonly minimum?: number;
  /** Of the evaluation at the end; without any there is none. */
  readonly metrics?: readonly string[];
}

export interface Answer {
  readonly status: number;
  readonly document: Record<string, unknown>;
  readonly stderr: string;
}

const weaknesses = 'noDifferentialPrivacy,simulatedPlatform,unmasked,unwitnessed';

export class World {
  readonly directory = mkdtempSync(join(tmpdir(), 'wardround-world-'));
  readonly options: WorldOptions;
  readonly #root: string;
  readonly #running = new Map<string, ChildProcess>();
  /** What each role is started with, so that it can be started again after a kill. */
  readonly #roles = new Map<string, readonly string[]>();
  #ports = { coordinator: 0, proxy: 0 };
  #invitation = '';
  #fingerprint = '';
  study = '';

  constructor(options: WorldOptions) {
    this.options = options;
    this.#root = options.root ?? thisCheckout;
    mkdirSync(join(this.directory, 'logs'));
  }

  /** Coordinator, hostile proxy where asked for, enclave, sites: founded and running; nothing launched yet. */
  async found(): Promise<void> {
    this.#ports = { coordinator: await freePort(), proxy: await freePort() };
    const made = await this.run([
      'coordinator',
      'init',
      '--dir',
      'coordinator',
      '--port',
      String(this.#ports.coordinator),
      '--public-url',
      this.url,
    ]);
    this.#invitation = String(made['invitation']);
    await this.start('coordinator', ['coordinator', 'start', '--dir', 'coordinator']);
    if (this.options.attack !== undefined) await this.#startProxy(this.options.attack);
    const release = await this.#makeAggregator(String(made['aggregatorToken']));
    await this.#introduceParties();
    await this.#sign();
    await this.run([
      'release',
      'sign',
      '--dir',
      'releaser',
      '--release',
      'enclave-1',
      ...release,
      '--invitation',
      this.#invitation,
    ]);
    await this.start('aggregator', ['aggregator', 'start', '--dir', 'aggregator']);
    for (const { name } of this.options.sites) await this.start(name, ['site', 'start', '--dir', this.site(name)]);
  }

  /** The researcher signs and launches the plan, or another one in the same federation. */
  async launch(plan: PlanOptions = this.options.plan): Promise<string> {
    writeFileSync(join(this.directory, 'plan.yaml'), planText({ ...this.options, plan }));
    const launched = await this.run(['study', 'launch', 'plan.yaml', ...this.asResearcher]);
    this.study = String(launched['study']);
    return this.study;
  }

  /** Options of the commands that a researcher types. */
  get asResearcher(): readonly string[] {
    return ['--dir', 'researcher', '--fingerprint', this.#fingerprint];
  }

  async approveAll(): Promise<void> {
    for (const { name } of this.options.sites) await this.approve(name);
  }

  async approve(name: string): Promise<void> {
    await this.until(name, (study) => study['state'] === 'awaiting-decision');
    await this.run(['site', 'approve', this.study, '--dir', this.site(name), '--accept', weaknesses, '--yes']);
  }

  /** Resolves when this site's own status says so of the study; rejects after `seconds`. */
  async until(
    name: string,
    holds: (study: Record<string, unknown>) => boolean,
    seconds = 90,
  ): Promise<Record<string, unknown>> {
    const end = Date.now() + 1000 * seconds;
    for (;;) {
      const study = this.studies(name).find((entry) => entry['study'] === this.study);
      if (study !== undefined && holds(study)) return study;
      if (Date.now() > end)
        throw new Error(
          `${name} waited ${seconds} s in vain; its study: ${JSON.stringify(study)}; logs in ${this.directory}`,
        );
      await sleep(100);
    }
  }

  async untilAll(holds: (study: Record<string, unknown>) => boolean, seconds = 90): Promise<void> {
    await Promise.all(this.options.sites.map(async ({ name }) => await this.until(name, holds, seconds)));
  }

  studies(name: string): readonly Record<string, unknown>[] {
    try {
      const status = JSON.parse(readFileSync(join(this.site(name), 'vault/status.json'), 'utf8')) as {
        studies: Record<string, unknown>[];
      };
      return status.studies;
    } catch {
      return [];
    }
  }

  site(name: string): string {
    return join(this.directory, 'sites', name);
  }

  get loot(): string {
    return join(this.directory, 'loot');
  }

  /** What the hostile coordinator says that it got. */
  get successes(): string {
    const file = join(this.loot, 'success.txt');
    return existsSync(file) ? readFileSync(file, 'utf8') : '';
  }

  get url(): string {
    return `http://127.0.0.1:${this.options.attack === undefined ? this.#ports.coordinator : this.#ports.proxy}`;
  }

  /** Runs a command to its end. @throws Error with its stderr where it fails */
  async run(words: readonly string[]): Promise<Record<string, unknown>> {
    const { status, document, stderr } = await this.attempt(words);
    if (status !== 0) throw new Error(`wardround ${words.join(' ')}: status ${status}: ${stderr}`);
    return document;
  }

  async attempt(words: readonly string[]): Promise<Answer> {
    const child = this.#spawn([...words, '--json']);
    const text = { stdout: '', stderr: '' };
    child.stdout?.setEncoding('utf8').on('data', (part: string) => (text.stdout += part));
    child.stderr?.setEncoding('utf8').on('data', (part: string) => (text.stderr += part));
    const status = await new Promise<number>((resolve) => child.once('close', (code) => resolve(code ?? 1)));
    return { status, document: parse(text.stdout), stderr: text.stderr };
  }

  /** Starts a role that stays; resolves when it says that it is ready. */
  async start(name: string, words: readonly string[] = this.#roles.get(name) ?? []): Promise<void> {
    this.#roles.set(name, words);
    await this.#keep(name, this.#spawn([...words, '--json']));
  }

  /** The whole process group of a role, at once, as a power cut would. */
  async kill(name: string): Promise<void> {
    const child = this.#running.get(name);
    if (child?.pid === undefined) return;
    this.#running.delete(name);
    if (child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
    process.kill(-child.pid, 'SIGKILL');
    await ended;
  }

  /** Where a role's standard error goes. */
  log(name: string): string {
    return join(this.directory, 'logs', `${name}.log`);
  }

  pid(name: string): number {
    return this.#running.get(name)?.pid ?? 0;
  }

  async stop({ keep = false } = {}): Promise<void> {
    await Promise.all([...this.#running.keys()].map(async (name) => await this.kill(name)));
    if (!keep) rmSync(this.directory, { recursive: true, force: true });
  }

  async #startProxy(attack: string): Promise<void> {
    const program = join(thisCheckout, 'test/end-to-end/hostile/proxy.ts');
    const args = [`http://127.0.0.1:${this.#ports.coordinator}`, String(this.#ports.proxy), attack, this.loot];
    const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', program, ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    });
    await this.#keep('proxy', child);
  }

  async #makeAggregator(token: string): Promise<readonly string[]> {
    const { vendorRoot } = await this.run([
      'aggregator',
      'init',
      '--dir',
      'aggregator',
      '--coordinator',
      this.url,
      '--token',
      token,
      '--simulated',
    ]);
    const { measurement, bundle } = await this.run(['aggregator', 'measure', '--dir', 'aggregator']);
    const vendor: unknown = JSON.parse(readFileSync(join(this.directory, 'aggregator/simulated-vendor.json'), 'utf8'));
    const leaf = findSnpLeaf(
      parseCertificates(parseSimulatedEndorsements(vendor).certificates.map((der) => fromBase64Url(der))),
    );
    const policy = examplePolicy({
      measurement: String(measurement),
      chipIds: leaf.hardwareId === undefined ? [] : [toHex(copyBytes(leaf.hardwareId))],
      product: 'Turin',
      minimumTcb: leaf.tcb,
      minimumGuestSvn: 0,
      simulatedRoots: [String(vendorRoot)],
    });
    writeFileSync(join(this.directory, 'policy.yaml'), policy);
    return ['--measurement', String(measurement), '--bundle', String(bundle), '--commit', String(bundle)];
  }

  async #introduceParties(): Promise<void> {
    const joining = ['--coordinator', this.url, '--invitation', this.#invitation];
    await this.run(['researcher', 'init', '--dir', 'researcher', '--name', 'dr.lind', '--display-name', 'Dr Lind']);
    await this.run(['researcher', 'join', '--dir', 'researcher', ...joining]);
    await this.run(['release', 'init', '--dir', 'releaser', '--name', 'builder']);
    await this.run(['release', 'join', '--dir', 'releaser', ...joining]);
    for (const { name, csv } of this.options.sites) {
      const file = join(this.directory, `${name}.csv`);
      writeFileSync(file, csv);
      const settings = [
        '--coordinator',
        this.url,
        '--source',
        `csv:${file}`,
        '--policy',
        join(this.directory, 'policy.yaml'),
      ];
      await this.run(['site', 'init', '--dir', this.site(name), '--name', name, ...settings]);
      await this.run(['site', 'join', '--dir', this.site(name), '--invitation', this.#invitation]);
    }
  }

  async #sign(): Promise<void> {
    const [first] = this.options.sites;
    const draft = join(this.directory, 'draft.json');
    const words = ['federation', 'draft', '--dir', this.site(first?.name ?? ''), '--name', 'heart', '--colluding', '0'];
    const { fingerprint } = await this.run([
      ...words,
      '--unwitnessed',
      '--invitation',
      this.#invitation,
      '--out',
      draft,
    ]);
    this.#fingerprint = String(fingerprint);
    for (const { name } of this.options.sites) {
      await this.run([
        'federation',
        'sign',
        '--dir',
        this.site(name),
        '--draft',
        draft,
        '--fingerprint',
        this.#fingerprint,
        '--invitation',
        this.#invitation,
        '--yes',
      ]);
    }
  }

  #spawn(words: readonly string[]): ChildProcess {
    const program = join(this.#root, 'cli/bin/wardround.mjs');
    return spawn(process.execPath, ['--disable-warning=ExperimentalWarning', program, ...words], {
      cwd: this.directory,
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    });
  }

  async #keep(name: string, child: ChildProcess): Promise<void> {
    this.#running.set(name, child);
    child.stderr?.pipe(createWriteStream(this.log(name), { flags: 'a' }));
    await new Promise<void>((resolve, reject) => {
      if (child.stdout !== null) createInterface({ input: child.stdout }).once('line', () => resolve());
      child.once('close', (status) => reject(new Error(`${name} ended with ${status}; see ${this.log(name)}`)));
    });
    // What comes after the first line is read, so that the pipe never fills.
    child.stdout?.resume();
  }
}

function planText({ sites, plan }: WorldOptions): string {
  return `wardround: study/v1
title: ${plan.title ?? 'Two features and a label'}
purpose: { text: End-to-end test, ethics: none needed }
expires: 2099-12-31T23:59:59Z
cohort:
  minimumRows: 5
  features:
    x1: { type: number, range: [-100, 100] }
    x2: { type: number, range: [-100, 100] }
  label: { name: y, positiveWhen: "> 0" }
  standardise: none
  split: { testFraction: 0.25, seed: 7 }
model: { kind: logisticRegression, l2: 0 }
training: { optimizer: sgd, learningRate: 0.1, batchSize: 4, steps: 10, seed: 7 }
strategy: ${plan.strategy ?? '{ name: fedAvg }'}
rounds: ${plan.rounds}
sites:
  roster: [${sites.map(({ name }) => name).join(', ')}]
  minimum: ${plan.minimum ?? 2}
  maxShare: 0.9
  deadline: ${plan.deadline ?? '60s'}
privacy: { mode: noDifferentialPrivacy }
masking: unmasked
evaluation: { metrics: [${(plan.metrics ?? []).join(', ')}] }
attestation: { platforms: [sevSnp], release: enclave-1 }
release: { to: [dr.lind], formats: [safetensors] }
`;
}

/** A small hospital's file: two features that tell of the label. Deterministic; `planted` is put into the first row. */
export function smallCsv(site: number, { rows = 40, planted }: { rows?: number; planted?: number } = {}): string {
  const lines = ['x1,x2,y'];
  for (let i = 0; i < rows; i += 1) {
    const y = (i * 7 + site) % 3 === 0 ? 1 : 0;
    const x1 = i === 0 && planted !== undefined ? planted : ((i * 37 + site * 11) % 100) / 25 - 2 + y;
    const x2 = ((i * 53 + site * 29) % 100) / 25 - 2 - y;
    lines.push(`${x1},${x2},${y}`);
  }
  return `${lines.join('\n')}\n`;
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === 'object' && address !== null ? address.port : 0;
}

function parse(text: string): Record<string, unknown> {
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch {
    return {};
  }
}
