// Samples a second of local training on each backend, and PyTorch beside: `npm run bench:throughput -- [--passes N] [--native FOLDER] [--python PATH] [--only BACKEND]`.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { availableParallelism, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type BackendName, backendNames } from '@wardround/learning/tfjs/backend-name';
import { machineInWords } from './machine.ts';
import { modulesIn } from './native/addon.ts';
import { markdownTable } from './table.ts';
import { cases, rows } from './throughput/cases.ts';
import { fastest, type Measured, measuredIn } from './throughput/measured.ts';
import { measureBackend } from './throughput/ours.ts';

const minute = 60_000;
const torchHint =
  'no PyTorch? python3 -m venv FOLDER && FOLDER/bin/pip install torch numpy, then --python FOLDER/bin/python';

interface Engine {
  readonly name: string;
  /** What to do where it is not there. */
  readonly hint: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly env: NodeJS.ProcessEnv;
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      passes: { type: 'string', default: '3' },
      native: { type: 'string', default: join(tmpdir(), 'wardround-native-tensorflow') },
      python: { type: 'string', default: 'python3' },
      only: { type: 'string' },
    },
  });
  const only = backendNames.find((name) => name === values.only);
  if (only !== undefined) return await measureBackend(only);
  const passes = Number(values.passes);
  if (values.only !== undefined || !Number.isInteger(passes) || passes < 1 || passes > 20) {
    console.error(`--passes takes 1 to 20, --only one of ${backendNames.join(', ')}`);
    process.exitCode = 2;
    return;
  }
  // Two threads help where a step is large and hinder where it is small, or where others compute: PyTorch is given both chances.
  const peers = [availableParallelism(), 1].map((threads) => torch(values.python, threads));
  report(measureAll([...backendNames.map((name) => ours(name, values.native)), ...peers], passes));
}

function ours(name: BackendName, native: string): Engine {
  const env = existsSync(modulesIn(native)) ? { ...process.env, NODE_PATH: modulesIn(native) } : process.env;
  const hint = name.startsWith('tfjs-node') ? 'docs/backends.md says how to have it' : 'it comes with the installation';
  const args = [...process.execArgv, import.meta.filename, '--only', name];
  return { name, hint, command: process.execPath, args, env };
}

function torch(python: string, threads: number): Engine {
  const args = [join(import.meta.dirname, 'peers/throughput.py'), JSON.stringify({ rows, cases, threads })];
  return { name: `PyTorch, threads: ${threads}`, hint: torchHint, command: python, args, env: process.env };
}

/** Pass by pass, each engine in each: what others do on the machine meanwhile falls on all of them. */
function measureAll(engines: readonly Engine[], passes: number): readonly Measured[] {
  const all: Measured[] = [];
  const absent = new Set<Engine>();
  for (let pass = 1; pass <= passes; pass += 1) {
    for (const engine of engines.filter((one) => !absent.has(one))) {
      process.stderr.write(`pass ${pass} of ${passes}: ${engine.name}\n`);
      const { command, args, env } = engine;
      const { status, stdout, stderr } = spawnSync(command, args, { env, encoding: 'utf8', timeout: 10 * minute });
      if (status === 0) all.push(...measuredIn(stdout));
      else {
        absent.add(engine);
        process.stderr.write(`!!! ${engine.name} is not measured (${engine.hint}): ${lastWords(stderr ?? '')}\n`);
      }
    }
  }
  return fastest(all);
}

function lastWords(stderr: string): string {
  const lines = stderr.split('\n').filter((line) => /Error|error|code|got/.test(line));
  return lines.slice(0, 3).join(' ').slice(0, 300);
}

function report(measured: readonly Measured[]): void {
  const engines = [...new Set(measured.map(({ engine }) => engine))];
  console.log(`On ${machineInWords()}; load ${(loadavg()[0] ?? 0).toFixed(0)}. The fastest of the passes.`);
  console.log(engines.map((engine, i) => `[${i + 1}] ${engine}`).join('\n'));
  console.log(`\nSamples a second, by the clock\n\n${tableOf(measured, engines, ({ byClock }) => byClock)}`);
  console.log(
    `\nSamples a second of processor time, all threads together\n\n${tableOf(measured, engines, ({ byProcessor }) => byProcessor)}`,
  );
}

function tableOf(measured: readonly Measured[], engines: readonly string[], of: (one: Measured) => number): string {
  const header = ['model', 'batch', ...engines.map((engine, i) => `[${i + 1}] ${engine.split(' ')[0] ?? ''}`)];
  const body = cases.map(({ id, title, batchSize }) => [
    title,
    `${batchSize}`,
    ...engines.map((engine) => {
      const found = measured.find((one) => one.engine === engine && one.id === id);
      return found === undefined ? '' : Math.round(of(found)).toLocaleString('en');
    }),
  ]);
  return markdownTable([header, ...body]);
}

await main();
