// `wardround demo`: everything at once on this machine, in under a minute.
import { access } from 'node:fs/promises';
import { resolve } from 'node:path';
import Table from 'cli-table3';
import type { Command } from 'commander';
import { WardroundError } from '@wardround/protocol/errors';
import { ExitCode } from '../exit-code.ts';
import { createOutput } from '../output.ts';
import { Crew } from '../demo/crew.ts';
import { freshDirectory } from '../fresh-directory.ts';
import { demoHospitals } from '../demo/hospitals.ts';
import { type DemoResult, runDemo } from '../demo/run-demo.ts';
import { createStory, simulatedBanner } from '../demo/story.ts';
import { type Json, jsonOption } from './options.ts';

interface Options extends Json {
  readonly data?: string;
  readonly sites: string;
  readonly rounds: string;
  readonly seed: string;
  readonly out?: string;
}

export function addDemoCommand(program: Command): void {
  program
    .command('demo')
    .description(
      'a coordinator, an enclave on a SIMULATED platform and hospitals as processes of this machine train one model',
    )
    .option(
      '--data <dir>',
      'use the real hospitals: a folder with uci-heart-disease (`wardround data fetch uci-heart-disease`)',
    )
    .option('--sites <number>', 'how many hospitals', '4')
    .option('--rounds <number>', 'how many rounds', '10')
    .option('--seed <number>', 'seed of the invented patients, the split and the training', '42')
    .option(
      '--out <dir>',
      'a new or empty directory for everything (default: wardround-demo, then wardround-demo-2, ...)',
    )
    .addOption(jsonOption())
    .action(demo);
}

async function demo(options: Options): Promise<void> {
  const output = createOutput(options.json === true);
  const data = options.data === undefined ? null : await dataDirectory(options.data);
  const [rounds, seed] = [numberOf(options.rounds, '--rounds', 1000), numberOf(options.seed, '--seed', 2 ** 31)];
  const hospitals = demoHospitals({ count: Number(options.sites), data, seed });
  const directory = await freshDirectory({ name: 'wardround-demo', typed: options.out, from: process.cwd() });
  for (const line of simulatedBanner) output.note(line);
  const stop = new AbortController();
  const story = createStory(
    (line) => output.note(line),
    () => stop.abort(stalled(directory)),
  );
  const crew = await Crew.open({ directory, signal: stop.signal, onLoss: (error) => stop.abort(error) });
  const interrupted = onInterrupt(stop);
  try {
    const result = await runDemo(
      { directory, crew, story, hospitals },
      { real: data !== null, rounds, seed, signal: stop.signal },
    );
    output.result(result, () => resultText(result));
    requireRefusals(result);
  } catch (error) {
    if (interrupted.signal !== null) {
      output.note('\n         stopped; no process is left');
      throw new ExitCode(130);
    }
    throw stop.signal.aborted && stop.signal.reason instanceof WardroundError ? stop.signal.reason : error;
  } finally {
    story.end();
    await crew.stop();
  }
}

function stalled(directory: string): WardroundError {
  return new WardroundError('demo-stalled', 'nothing has happened for two minutes', {
    where: `${directory}/logs`,
    action: 'stop',
  });
}

/** Ctrl-C ends everything; a second one changes nothing. */
function onInterrupt(stop: AbortController): { signal: string | null } {
  const state: { signal: string | null } = { signal: null };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      state.signal ??= signal;
      stop.abort();
    });
  }
  return state;
}

function requireRefusals({ attacks }: DemoResult): void {
  const succeeded = attacks.find(({ refused }) => !refused);
  if (succeeded === undefined) return;
  throw new WardroundError('demo-attack', `an attack was not refused: ${succeeded.attack}`, {
    got: succeeded.got,
    action: 'stop',
  });
}

async function dataDirectory(path: string): Promise<string> {
  try {
    await access(path);
    return resolve(path);
  } catch (cause) {
    throw new WardroundError('demo-data', 'this folder is not there', {
      where: path,
      expected: 'what `wardround data fetch uci-heart-disease` made',
      cause,
    });
  }
}

function numberOf(text: string, where: string, most: number): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= 1 && value <= most) return value;
  throw new WardroundError('demo-option', 'not a number that the demo can use', {
    where,
    expected: `1 to ${most}`,
    got: text,
  });
}

function resultText(result: DemoResult): string {
  const table = new Table({
    head: ['hospital', 'patients', 'alone', 'together', 'rounds'],
    colAligns: ['left', 'right', 'right', 'right', 'right'],
    style: { head: [], border: [] },
  });
  for (const { name, patients, localAccuracy, federatedAccuracy, roundsContributed } of result.sites) {
    table.push([name, patients, percent(localAccuracy), percent(federatedAccuracy), roundsContributed]);
  }
  const whose =
    result.data === 'real' ? 'the REAL patients of the UCI heart-disease data' : 'INVENTED (synthetic) patients';
  return [
    '',
    `Accuracy on each hospital's own test patients: a model trained alone, and the one trained together. Data: ${whose}.`,
    table.toString(),
    ...onesidedNote(result),
    ...pooledNote(result),
    '',
    `${result.receiptsVerified + result.resultReceiptsVerified} receipts verified offline. What the attacks got:`,
    ...result.attacks.map(
      ({ attack, got, refused }) => `  ${refused ? '✔ refused ' : '✘ NOT REFUSED '} ${attack}: ${got}`,
    ),
    '',
    `Everything is in ${result.directory}: plan.yaml, model/, audit/, sites/NAME, logs/. It took ${result.seconds} s.`,
    'SIMULATED PLATFORM: nothing here is proved about hardware.',
  ].join('\n');
}

/** In the data almost everybody in Switzerland is ill: one who always says so is right there, and a model for all hospitals cannot be. */
function onesidedNote({ sites }: DemoResult): readonly string[] {
  if (!sites.some(({ name }) => name.startsWith('switzerland'))) return [];
  return [
    '(Switzerland: almost all of its patients are ill, so a model that always says yes does well there, and only there.)',
  ];
}

/** What no hospital could know by itself, and no other hospital tells: they were added up in the enclave. */
function pooledNote({ pooled }: DemoResult): readonly string[] {
  if (pooled.length === 0) return [];
  const figures = pooled.map(({ metric, value, interval }) => {
    const between = interval === null ? '' : ` (95 %: ${interval.low.toFixed(3)} to ${interval.high.toFixed(3)})`;
    return `${metric} ${value === null ? 'not told' : value.toFixed(3)}${between}`;
  });
  return [`On all hospitals' test patients together, pooled in a round of its own: ${figures.join(', ')}.`];
}

const percent = (value: number | null): string => (value === null ? '–' : `${(value * 100).toFixed(1)} %`);
