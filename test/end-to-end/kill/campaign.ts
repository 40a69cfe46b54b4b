// A federation whose processes can be killed at a named place, one trial after the other, and what must be true afterwards.
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';
import { smallCsv, World } from '../world.ts';
import { type Arm, InstrumentedCheckout, type Role } from './instrumented-checkout.ts';
import { type Outcome, readOutcome } from './study-outcome.ts';

export const sites = ['aachen', 'bergen', 'como'] as const;
/** The site whose vault and courier die. */
const victim = sites[1];
const quorum = 2;

/** One kill: which process, and at which boundary after the anchor. */
export type Trial = Omit<Arm, 'pid' | 'site'>;

export interface Killed {
  readonly trial: Trial;
  /** Name and frame of the boundary at which the process died; null: there was none with this index. */
  readonly at: string | null;
}

/** Rounds of a study whose beginning is disturbed. */
const shortStudy = 2;

export class Campaign {
  /** Of each study that {@link Campaign.begin} begins. */
  readonly rounds: number;
  readonly world: World;
  readonly #checkout = new InstrumentedCheckout();
  #studies = 0;
  #studyRounds = 0;
  #exports = 0;

  private constructor(rounds: number) {
    this.rounds = rounds;
    this.world = new World({
      root: this.#checkout.root,
      sites: sites.map((name, index) => ({ name, csv: smallCsv(index) })),
      // Server state that a model alone would not bring back; nobody may be left out because it was away.
      plan: { rounds, strategy: '{ name: fedAdam }', minimum: sites.length, deadline: '60s' },
    });
  }

  /** @param rounds of each of its studies */
  static async found(rounds: number): Promise<Campaign> {
    const campaign = new Campaign(rounds);
    try {
      await campaign.world.found();
    } catch (error) {
      await campaign.end({ keep: true });
      throw error;
    }
    return campaign;
  }

  /** A new study of the same terms, approved by all. */
  async begin(): Promise<void> {
    await this.#launch(this.rounds);
    await this.world.approveAll();
  }

  /** A short study in which a process dies at a boundary counted from just before the victim's approval, and which is then proved. */
  async killAtBeginning(trial: Trial, reference: readonly string[]): Promise<Killed> {
    await this.#launch(shortStudy);
    for (const name of sites) if (name !== victim) await this.world.approve(name);
    await this.world.until(victim, ({ state }) => state === 'awaiting-decision');
    const armed = this.#arm(trial);
    const [at] = await Promise.all([this.#died(trial, armed), this.world.approve(victim)]);
    this.#checkout.disarm();
    if (at !== null) await this.#revive(trial.role);
    await this.finish(reference.slice(0, shortStudy));
    return { trial, at };
  }

  async #launch(rounds: number): Promise<void> {
    this.#studies += 1;
    this.#studyRounds = rounds;
    await this.world.launch({ ...this.world.options.plan, rounds, title: `Study ${this.#studies}` });
  }

  /** The newest round that every site has closed and opened. */
  get round(): number {
    return Math.min(...sites.map((name) => Number(this.#status(name)['round'] ?? 0)));
  }

  get complete(): boolean {
    return sites.every((name) => this.#status(name)['state'] === 'complete');
  }

  /** Every boundary that `role` passes while `rounds` rounds are closed, in order. */
  async count(role: Role, rounds: number): Promise<readonly string[]> {
    const { from, log, id } = this.#arm({ role, life: 'count' });
    await this.untilRound(this.round + rounds, `counting the boundaries of the ${role}`);
    this.#checkout.disarm();
    return said(log, from, `boundary ${id}`);
  }

  /**
   * Arms one trial, sees the process die there, starts it again, and waits until the round that was disturbed, and one more, is closed
   * at every site.
   *
   * @param then is armed in its place as soon as it died, before it is started again: a death in the middle of recovering
   */
  async kill(trial: Trial, then?: Trial): Promise<readonly Killed[]> {
    const what = describe(trial);
    const before = this.round;
    const armed = this.#arm(trial);
    const at = await this.#died(trial, armed);
    if (at === null) return [{ trial, at }];
    const next = then === undefined ? this.#disarm() : this.#arm(then);
    // Where it dies again it may never come to say that it is ready.
    const reviving = this.#revive(trial.role);
    const killed: Killed[] = [{ trial, at }];
    if (then === undefined || next === null) await reviving;
    else {
      const again = await this.#recover(then, next, before);
      await reviving.catch((error: unknown) => {
        if (again.at === null) throw error;
      });
      if (again.at !== null) await this.#revive(then.role);
      killed.push(again);
    }
    // The round in which it died is at most one further than the last that all had closed when it was armed, and the one it may have reached.
    await this.untilRound(
      Math.min(this.#studyRounds, Math.max(before, this.#highest()) + 1),
      `${what}, which died at: ${at}`,
    );
    return killed;
  }

  /** @throws Error that names `what` */
  async untilRound(round: number, what: string, seconds = 120): Promise<void> {
    const end = Date.now() + 1000 * seconds;
    while (this.round < round) {
      if (Date.now() > end) throw new Error(`round ${round} was not closed in ${seconds} s: ${what}; ${this.#where()}`);
      await sleep(20);
    }
  }

  /** Lets the study end undisturbed, and proves what its records and the sites' own ledgers must show. */
  async finish(reference: readonly string[] | null): Promise<Outcome> {
    this.#checkout.disarm();
    await this.world.untilAll((study) => study['state'] === 'complete', 240);
    const directory = join(this.world.directory, `export-${(this.#exports += 1)}`);
    const words = ['study', 'status', this.world.study, ...this.world.asResearcher, '--export', directory];
    const status = await this.world.run(words);
    expect(status).toMatchObject({ complete: true, roundsDone: this.#studyRounds, stopped: null });
    const audit = await this.world.attempt(['audit', 'verify', directory, '--policy', 'policy.yaml']);
    expect(audit.document, JSON.stringify(audit.document)).toMatchObject({ holds: true });
    const outcome = readOutcome(directory, quorum);
    requireOneChain(outcome, this.#studyRounds);
    if (reference !== null) {
      expect(checkpoints(outcome), 'the models, to the bit').toEqual(reference);
      for (const { round, checkpoint } of outcome.issued)
        expect(checkpoint, `round ${round}`).toBe(reference[round - 1]);
    }
    for (const name of sites) expect(this.#reservations(name), `reservations of ${name}`).toBe(this.#studies);
    return outcome;
  }

  /** Starts again what a failed trial may have left dead. */
  async restart(): Promise<void> {
    this.#checkout.disarm();
    for (const role of ['coordinator', 'aggregator-enclave'] as const) await this.#revive(role);
  }

  async end({ keep }: { keep: boolean }): Promise<void> {
    await this.world.stop({ keep });
    this.#checkout.remove();
  }

  async #recover(then: Trial, armed: Armed, before: number): Promise<Killed> {
    const end = Date.now() + 120_000;
    for (;;) {
      const [at] = said(armed.log, armed.from, `killed-here ${armed.id}`);
      if (at !== undefined) {
        this.#disarm();
        return { trial: then, at };
      }
      // Recovered, and went on: it has fewer boundaries than that.
      if (this.round > before + 1) {
        this.#disarm();
        return { trial: then, at: null };
      }
      if (Date.now() > end) throw new Error(`neither died nor recovered: ${describe(then)}; ${this.#where()}`);
      await sleep(20);
    }
  }

  #arm(trial: Trial): Armed {
    const log = this.#log(trial.role);
    const from = existsSync(log) ? statSync(log).size : 0;
    const id = this.#checkout.arm({
      ...trial,
      ...(trial.role === 'vault' ? { site: victim } : {}),
      ...(trial.role === 'courier' ? { pid: this.#courier() } : {}),
    });
    return { id, log, from };
  }

  #disarm(): null {
    this.#checkout.disarm();
    return null;
  }

  /** Where it died; null when the study ended first. */
  async #died(trial: Trial, { log, from, id }: Armed): Promise<string | null> {
    const end = Date.now() + 120_000;
    for (;;) {
      const [at] = said(log, from, `killed-here ${id}`);
      if (at !== undefined) return at;
      if (this.complete) return null;
      if (Date.now() > end) throw new Error(`never came there: ${describe(trial)}; ${this.#where()}`);
      await sleep(20);
    }
  }

  async #revive(role: Role): Promise<void> {
    // Vault and courier are started again by their supervisor. A vault halts until it is killed from outside, with its whole namespace.
    if (role === 'vault') killWrapper(this.world.site(victim));
    if (isSiteRole(role)) return;
    const name = worldName(role);
    await this.world.kill(name);
    await this.world.start(name);
  }

  /** Which process the victim's supervisor runs now. */
  #courier(): number {
    const lines = readFileSync(this.#log('courier'), 'utf8').split('\n');
    const running = lines.findLast((line) => line.includes('"msg":"running"'));
    return (JSON.parse(running ?? '{"courier":0}') as { courier: number }).courier;
  }

  #log(role: Role): string {
    return isSiteRole(role) ? join(this.world.site(victim), 'agent.log') : this.world.log(worldName(role));
  }

  #highest(): number {
    return Math.max(...sites.map((name) => Number(this.#status(name)['round'] ?? 0)));
  }

  #status(name: string): Record<string, unknown> {
    return this.world.studies(name).find(({ study }) => study === this.world.study) ?? {};
  }

  #reservations(name: string): number {
    const ledger = readFileSync(join(this.world.site(name), 'vault/ledger.jsonl'), 'utf8');
    return ledger.split('\n').filter((line) => line !== '').length;
  }

  #where(): string {
    const states = sites.map((name) => JSON.stringify(this.#status(name)));
    return `study ${this.world.study} in ${this.world.directory}: ${states.join(' ')}`;
  }
}

interface Armed {
  readonly id: number;
  readonly log: string;
  /** Length of the log when it was armed. */
  readonly from: number;
}

export function checkpoints({ rounds }: Outcome): readonly string[] {
  return rounds.map(({ receipts }) => receipts[0]?.checkpoint ?? '');
}

/** Every round closed with every site once, one checkpoint a round, each receipt after one of the round before. */
function requireOneChain({ rounds }: Outcome, expected: number): void {
  expect(rounds.map(({ round }) => round)).toEqual(Array.from({ length: expected }, (_, index) => index + 1));
  let before: readonly (string | null)[] = [null];
  for (const { round, receipts } of rounds) {
    expect(new Set(receipts.map(({ checkpoint }) => checkpoint)).size, `checkpoints of round ${round}`).toBe(1);
    for (const { contributors, previous } of receipts) {
      expect(contributors.toSorted(), `contributors of round ${round}`).toEqual([...sites]);
      expect(before, `what round ${round} follows`).toContain(previous);
    }
    before = receipts.map(({ digest }) => digest);
  }
}

export function describe({ role, life, anchor, index }: Trial): string {
  const from = life === 'next' ? 'its next start' : `"${anchor ?? 'now'}"`;
  return `SIGKILL of the ${role} at boundary ${index ?? 0} after ${from}`;
}

function isSiteRole(role: Role): role is 'vault' | 'courier' {
  return role === 'vault' || role === 'courier';
}

function worldName(role: Role): string {
  return role === 'coordinator' ? 'coordinator' : 'aggregator';
}

/** The program that holds the vault's namespaces, and with it the vault. Where there is none, the vault ended by its own hand. */
function killWrapper(site: string): void {
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      const words = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
      if (words[0] === 'unshare' && words.includes(join(site, 'jail'))) process.kill(Number(pid), 'SIGKILL');
    } catch {
      // Ended meanwhile.
    }
  }
}

/** What an instrumented process said of one arm since the log had `from` bytes: the details, in order. */
function said(log: string, from: number, event: string): readonly string[] {
  if (!existsSync(log)) return [];
  const lines = readFileSync(log).subarray(from).toString('utf8').split('\n').slice(0, -1);
  return lines.flatMap((line) => {
    if (!line.includes(`${event}"`) && !line.includes(`${event}: `)) return [];
    return [detailOf(line, event)];
  });
}

/** As the process wrote it, or as a supervisor wrote it into its own log. */
function detailOf(line: string, event: string): string {
  try {
    const entry = JSON.parse(line) as { detail?: string; msg?: string };
    return entry.detail ?? entry.msg?.replace(`${event}: `, '') ?? line;
  } catch {
    return line;
  }
}
