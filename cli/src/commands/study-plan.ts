// `wardround study init|validate|compile`: writing a plan, before anything is signed or sent.
import { writeFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { WardroundError } from '@wardround/protocol/errors';
import { PlanInvalidError } from '@wardround/protocol/plan/problems';
import { ExitCode } from '../exit-code.ts';
import { readFederation } from '../federation-file.ts';
import { createOutput } from '../output.ts';
import { whoSigns } from '../party/who-signs.ts';
import { compileFile, compileFileOffline, planProblems, planProblemsText, sourceOf } from '../plan-file.ts';
import { planTemplate } from '../plan-template.ts';
import { planText, type ReadablePlan } from '../plan-text.ts';
import { readYamlFile, type YamlFile } from '../yaml-file.ts';

interface PlanOptions {
  readonly federation?: string;
  readonly researcher?: string;
  readonly offline?: true;
  readonly json?: true;
}

export function addPlanCommands(study: Command): void {
  study
    .command('init')
    .description('write a commented plan to start from')
    .argument('[file]', 'where to write it', 'plan.yaml')
    .option('--json', 'print one JSON document')
    .action(async (file: string, options: { json?: true }) => await writeTemplate(file, options.json === true));
  for (const [name, description] of [
    ['validate', 'explain every mistake in a plan, with its line; print nothing of the plan'],
    ['compile', 'show the StudyPlan with every value explicit: what would be signed'],
  ] as const) {
    study
      .command(name)
      .description(description)
      .argument('<plan>', 'the plan (YAML)')
      .option(
        '--federation <path>',
        "the federation's records (a researcher's directory, or its federation.json): names are bound to keys",
      )
      .option(
        '--researcher <name>',
        "who will sign (default: the directory's researcher, or the only one whom the plan or the federation names)",
      )
      .option('--offline', 'do not look for a federation at all')
      .option('--json', 'print one JSON document')
      .action(async (path: string, options: PlanOptions) => {
        const file = await readYamlFile(path);
        await explained(file, options, async () => {
          const compiled = await compile(file, options);
          if (name === 'validate') showValid(file, compiled, options);
          else showPlan(compiled, options);
        });
      });
  }
}

interface Compiled {
  readonly plan: unknown;
  readonly readable: ReadablePlan;
  readonly unresolved: readonly string[];
}

async function compile(file: YamlFile, options: PlanOptions): Promise<Compiled> {
  const now = new Date();
  if (options.federation === undefined || options.offline === true) {
    const { plan, unresolved } = compileFileOffline(file, now);
    return { plan, readable: plan, unresolved };
  }
  const federation = await readFederation(options.federation);
  const { federation: path, researcher: typed } = options;
  const researcher = await whoSigns({ typed, path, source: sourceOf(file), federation });
  const plan = compileFile(file, { federation, researcher }, now);
  return { plan, readable: plan, unresolved: [] };
}

function showValid(file: YamlFile, { readable, unresolved }: Compiled, options: PlanOptions): void {
  createOutput(options.json === true).result({ valid: true, file: file.path, unresolved }, () =>
    [`${file.path} is a good plan.`, '', planText(readable), ...unresolvedLines(unresolved)].join('\n'),
  );
}

function showPlan({ plan, readable, unresolved }: Compiled, options: PlanOptions): void {
  const output = createOutput(options.json === true);
  for (const line of unresolvedLines(unresolved)) output.note(line);
  output.result(plan, () => [planText(readable), '', JSON.stringify(plan, null, 2)].join('\n'));
}

function unresolvedLines(unresolved: readonly string[]): readonly string[] {
  if (unresolved.length === 0) return [];
  return [
    '',
    `no federation at hand, so these are still open (null): ${unresolved.join(', ')}`,
    'name it with --federation PATH',
  ];
}

/** A plan's mistakes are listed with their lines, all of them; other errors go their usual way. */
async function explained(file: YamlFile, options: { json?: true }, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!(error instanceof PlanInvalidError)) throw error;
    const output = createOutput(options.json === true);
    const document = { valid: false, file: file.path, code: error.code, problems: planProblems(file, error) };
    output.note(planProblemsText(file, error));
    if (output.json) output.result(document, () => '');
    throw new ExitCode(1);
  }
}

async function writeTemplate(file: string, json: boolean): Promise<void> {
  try {
    await writeFile(file, planTemplate, { flag: 'wx' });
  } catch (cause) {
    throw new WardroundError(
      'file-not-written',
      'the plan could not be written; an existing file is never overwritten',
      {
        where: file,
        cause,
      },
    );
  }
  createOutput(json).result({ file }, () => `wrote ${file}; edit it, then: wardround study validate ${file}`);
}
