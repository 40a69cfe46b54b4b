// `wardround simulate PLAN.yaml`: a whole study on a researcher's laptop, before any hospital is asked.
import { writeFile } from 'node:fs/promises';
import { type Command, Option } from 'commander';
import type { EncodedSite } from '@wardround/datasets/encode';
import type { SimulatedSite } from '@wardround/learning/simulation/simulate-study';
import { type Backend, startBackend } from '@wardround/learning/tfjs/backend';
import { backendNames, defaultBackend } from '@wardround/learning/tfjs/backend-name';
import type { StudyPlan } from '@wardround/protocol/documents/study-plan';
import { WardroundError } from '@wardround/protocol/errors';
import { PlanInvalidError } from '@wardround/protocol/plan/problems';
import { parsePlanSource } from '@wardround/protocol/plan/source';
import { fillPlan } from '@wardround/protocol/plan/unbound-plan';
import { ExitCode } from '../exit-code.ts';
import { freshDirectory } from '../fresh-directory.ts';
import { createOutput, type Output } from '../output.ts';
import { planProblems, planProblemsText } from '../plan-file.ts';
import { batchesOf, readBatchOrder } from '../simulate/batch-order.ts';
import { dropOut } from '../simulate/drop-out.ts';
import { writeSimulation } from '../simulate/files.ts';
import { readInitialModel } from '../simulate/initial-model.ts';
import { comparisonTable, fitTable, leftOutText, notAttested, roundLine } from '../simulate/report.ts';
import { runSimulation, type SimulationResult } from '../simulate/run-simulation.ts';
import { chanceOf, partitionOf, type SimulateOptions, wholeNumber } from '../simulate/settings.ts';
import { simulatedPlan } from '../simulate/simulated-plan.ts';
import { type EncodedSites, encodeSites, readSites } from '../simulate/simulated-sites.ts';
import { fitOf, simulationDocument, traceDocument } from '../simulate/documents.ts';
import { parseSweep, type Variant, variantsOf } from '../simulate/sweep.ts';
import { changesText, type MeasuredVariant } from '../simulate/tidy.ts';
import { readYamlFile, type YamlFile } from '../yaml-file.ts';
import { jsonOption } from './options.ts';

/** Above this many sites, a model trained alone at each takes longer than anybody meant: `--baselines` asks for it by name. */
const mostBaselines = 50;

export function addSimulateCommand(program: Command): void {
  program
    .command('simulate')
    .description('run a whole study in one process, without hospitals: to try a plan out. Nothing is attested here')
    .argument('<plan>', 'the plan (YAML)')
    .option(
      '--data <path>',
      'a CSV file, a folder with SITE.csv for each site, or one of pictures with index.csv (default: invented patients)',
    )
    .option('--site-column <name>', 'the column of the file (or index) that says which site a row belongs to')
    .option('--sites <count>', 'deal all rows out to so many imagined sites (1000 works)')
    .option('--partition <how>', 'how rows are dealt out: iid, or dirichlet:ALPHA by label', 'iid')
    .option('--rows <count>', 'invented patients at each site')
    .option('--drop-out <chance>', 'chance that a site misses an attempt at a round', '0')
    .option(
      '--seed <number>',
      "instead of the plan's seeds of training and initial weights; also deals out rows and drop-outs",
    )
    .option('--initial-model <file>', 'start from these weights (safetensors)')
    .option('--batch-order <file>', 'which rows each step sees (JSON), instead of the seeded order')
    .option('--trace <file>', 'write the global model after every training round (JSON)')
    .option(
      '--sweep <field=values>',
      'run once for each value of a field of the plan, as strategy.mu=0,0.01,0.1 (may be repeated: every combination)',
      (value: string, all: readonly string[]) => [...all, value],
      [],
    )
    .option('--baselines', `train the models to compare with also for more than ${mostBaselines} sites`)
    .option('--no-baselines', 'do not train the models to compare with (each site alone, all rows in one place)')
    .option('--out <dir>', 'a new directory for metrics, picture and models (default: simulation, simulation-2, ...)')
    .option('--no-files', 'leave no files behind')
    .addOption(new Option('--backend <name>', 'what computes').choices(backendNames).default(defaultBackend))
    .addOption(jsonOption())
    .action(simulate);
}

async function simulate(path: string, options: SimulateOptions & { readonly baselines?: boolean }): Promise<void> {
  const output = createOutput(options.json === true);
  for (const line of notAttested) output.note(line);
  const file = await readYamlFile(path);
  const variants = variantsOf(file.value, options.sweep.map(parseSweep));
  const backend = await startBackend(options.backend);
  const directory = options.files
    ? await freshDirectory({ name: 'simulation', typed: options.out, from: process.cwd() })
    : null;
  const measured: (MeasuredVariant & { readonly plan: StudyPlan })[] = [];
  let unfit: EncodedSites['unfit'] = [];
  for (const [index, variant] of variants.entries()) {
    if (variants.length > 1)
      output.note(`\nvariant ${index + 1} of ${variants.length}: ${changesText(variant.changes)}`);
    const run = await explained(file, output, async () => await simulateVariant({ variant, options, backend, output }));
    ({ unfit } = run);
    measured.push({ ...run, variant: index + 1, changes: variant.changes });
  }
  if (options.trace !== undefined) await writeTrace(options.trace, measured);
  const title = measured[0]?.plan.title ?? path;
  const summary = simulationDocument({ measured, unfit, backend: backend.description });
  const names = directory === null ? [] : await writeSimulation(directory, { title, variants: measured, summary });
  output.result({ ...summary, directory, files: names }, () =>
    [
      ...measured.flatMap(({ changes, plan, result }) => [
        ...(measured.length > 1 ? [changesText(changes)] : []),
        ...fitText(plan, result),
        comparisonTable(result.comparisons),
        ...leftOutText(result.comparisons),
      ]),
      ...(directory === null ? [] : [`${directory}/: ${names.join(', ')}`]),
      'Attestation, sealing and signatures were not exercised.',
    ].join('\n'),
  );
}

function fitText(plan: StudyPlan, { final }: SimulationResult): readonly string[] {
  const fit = fitOf(plan, final);
  return fit === null ? [] : [fitTable(fit, plan.cohort.label.type === 'survival')];
}

interface VariantJob {
  readonly variant: Variant;
  readonly options: SimulateOptions & { readonly baselines?: boolean };
  readonly backend: Backend;
  readonly output: Output;
}

async function simulateVariant({
  variant,
  options,
  backend,
  output,
}: VariantJob): Promise<
  Omit<MeasuredVariant, 'variant' | 'changes'> & { readonly plan: StudyPlan; readonly unfit: EncodedSites['unfit'] }
> {
  const source = parsePlanSource(variant.value);
  const seed = wholeNumber(options.seed, '--seed', 2 ** 32 - 1);
  const chance = chanceOf(options.dropOut);
  const { cohort } = fillPlan(source);
  const cohorts = await readSites(
    {
      roster: source.sites.roster,
      data: options.data ?? null,
      siteColumn: options.siteColumn ?? null,
      count: wholeNumber(options.sites, '--sites', 1000),
      partition: partitionOf(options.partition),
      rowsPerSite: wholeNumber(options.rows, '--rows', 1_000_000),
      seed: seed ?? 42,
    },
    cohort,
  );
  for (const note of cohorts.notes) output.note(note);
  const { sites: encoded, unfit } = encodeSites(cohorts, cohort);
  for (const { name, code, message } of unfit) output.note(`${name} would not take part: ${message} [${code}]`);
  const roster = encoded.map(({ name }) => name);
  const givenWeights = options.initialModel !== undefined;
  const plan = simulatedPlan({ source, roster, givenWeights, seed });
  const sites = encoded.map(({ name, site }) => simulatedSite(name, site, plan));
  const order =
    options.batchOrder === undefined
      ? null
      : await readBatchOrder(options.batchOrder, { sites: roster, roster: source.sites.roster });
  const result = await runSimulation({
    backend,
    plan,
    sites,
    initialModel: options.initialModel === undefined ? null : await readInitialModel(options.initialModel, plan),
    batches: order === null ? null : batchesOf(order, plan),
    isAway: dropOut(chance, seed ?? 42),
    baselines: options.baselines ?? sites.length <= mostBaselines,
    onRound: (report) => output.note(roundLine(report)),
    onBaseline: (name) => output.note(`training to compare with: ${name}`),
  });
  return { plan, unfit, seed: seed ?? seedOf(plan), result };
}

function simulatedSite(name: string, data: EncodedSite, { weighting }: StudyPlan): SimulatedSite {
  return { name, data, weight: weighting === 'equal' ? 1 : data.train.rows };
}

function seedOf({ training }: StudyPlan): number {
  return training.method === 'gradientDescent' ? training.seed : 0;
}

async function writeTrace(path: string, measured: readonly MeasuredVariant[]): Promise<void> {
  const [only, ...others] = measured;
  if (only === undefined || others.length > 0)
    throw new WardroundError('usage', 'a trace is of one run', { where: '--trace', got: 'a sweep of several' });
  try {
    await writeFile(path, `${JSON.stringify(traceDocument(only.result))}\n`);
  } catch (cause) {
    throw new WardroundError('file-not-written', 'the trace could not be written', { where: path, cause });
  }
}

/** A plan's mistakes are listed with their lines, all of them; other errors go their usual way. */
async function explained<T>(file: YamlFile, output: Output, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof PlanInvalidError)) throw error;
    output.note(planProblemsText(file, error));
    if (output.json)
      output.result({ valid: false, file: file.path, code: error.code, problems: planProblems(file, error) }, () => '');
    throw new ExitCode(1);
  }
}
