// `wardround privacy`: what noise and sampling spend (epsilon, compose), what a budget needs (calibrate), and what a plan promises (explain).
import { type Command, Option } from 'commander';
import { fillPlan } from '@wardround/protocol/plan/unbound-plan';
import { epsilonOf } from '@wardround/privacy/accounting/accountant';
import { calibrateNoise } from '@wardround/privacy/accounting/calibrate';
import { claimWords } from '@wardround/privacy/accounting/claim-words';
import type { AccountantName, Adjacency } from '@wardround/privacy/accounting/mechanism';
import { createOutput } from '../output.ts';
import { sourceOf } from '../plan-file.ts';
import { type Asked, assumptionText, bullet, shownEpsilon, underAssumptions } from '../privacy/answers.ts';
import { compositionFrom } from '../privacy/composition-file.ts';
import { mechanismFrom, samplingFrom, type SamplingWord, typedNumber } from '../privacy/questions.ts';
import { readYamlFile } from '../yaml-file.ts';
import { type Json, jsonOption } from './options.ts';

interface AccountingOptions extends Json {
  readonly samplingRate?: string;
  readonly sampling: SamplingWord;
  readonly steps: string;
  readonly delta: string;
  readonly accountant: AccountantName;
  readonly adjacency: Adjacency;
  readonly gridSteps?: string;
}

type EpsilonOptions = AccountingOptions & { readonly noiseMultiplier: string };
type CalibrateOptions = AccountingOptions & { readonly epsilon: string };

const examples = {
  epsilon: `
Examples:
  $ wardround privacy epsilon --noise-multiplier 1.1 --sampling-rate 0.01 --steps 1000 --delta 1e-5
  $ wardround privacy epsilon --noise-multiplier 1.1 --sampling-rate 0.01 --steps 1000 --delta 1e-5 --accountant rdp --json
  $ wardround privacy epsilon --noise-multiplier 5 --sampling none --steps 15 --delta 1e-5 --adjacency replaceOne`,
  calibrate: `
Example:
  $ wardround privacy calibrate --epsilon 2 --delta 1e-5 --sampling-rate 0.01 --steps 1000`,
  compose: `
A file for it:
  delta: 1e-5
  accountant: pld              # or rdp
  adjacency: addOrRemoveOne    # or replaceOne
  mechanisms:
    - { name: training, noiseMultiplier: 1.1, sampling: poisson, samplingRate: 0.01, steps: 1000 }
    - { name: statistics, noiseMultiplier: 8, sampling: none, steps: 3 }

  $ wardround privacy compose spent.yaml`,
  explain: `
Example:
  $ wardround privacy explain plan.yaml`,
} as const;

export function addPrivacyCommands(program: Command): void {
  const privacy = program.command('privacy').description('differential privacy: what is spent, and what it means');
  withAccounting(
    privacy
      .command('epsilon')
      .description('the ε that this noise and sampling spend, an upper bound, with what it assumes')
      .requiredOption('--noise-multiplier <z>', 'standard deviation of the noise ÷ clip norm'),
  )
    .addHelpText('after', examples.epsilon)
    .action((options: EpsilonOptions) => epsilon(options));
  withAccounting(
    privacy
      .command('calibrate')
      .description('the least noise multiplier whose ε does not exceed the target')
      .requiredOption('--epsilon <epsilon>', 'the target'),
  )
    .addHelpText('after', examples.calibrate)
    .action((options: CalibrateOptions) => calibrate(options));
  privacy
    .command('compose')
    .description('the ε of several mechanisms together: rounds, statistics, metrics, candidates, studies')
    .argument('<file>', 'YAML or JSON')
    .addOption(jsonOption())
    .addHelpText('after', examples.compose)
    .action(async (file: string, options: Json) => await compose(file, options));
  privacy
    .command('explain')
    .description("what a patient's presence could still change under a plan, in sentences")
    .argument('<plan>', 'the plan (YAML)')
    .addOption(jsonOption())
    .addHelpText('after', examples.explain)
    .action(async (file: string, options: Json) => await explain(file, options));
}

function withAccounting(command: Command): Command {
  return command
    .option('--sampling-rate <q>', "a patient's chance, or share, in one step")
    .addOption(
      new Option('--sampling <sampling>', 'how patients are drawn into a step')
        .choices(['poisson', 'none', 'fixedSize'])
        .default('poisson'),
    )
    .requiredOption('--steps <n>', 'how often noise was added to a new sum')
    .requiredOption('--delta <delta>', 'the chance that ε may fail with')
    .addOption(new Option('--accountant <accountant>', 'who counts').choices(['pld', 'rdp']).default('pld'))
    .addOption(
      new Option('--adjacency <adjacency>', 'who counts as a neighbour')
        .choices(['addOrRemoveOne', 'replaceOne'])
        .default('addOrRemoveOne'),
    )
    .option('--grid-steps <n>', 'discrete Gaussian noise: the clip norm in steps of the grid')
    .addOption(jsonOption());
}

function epsilon(options: EpsilonOptions): void {
  const noiseMultiplier = typedNumber(options.noiseMultiplier, '--noise-multiplier');
  const asked = askedFor(options, noiseMultiplier);
  const answer = { epsilon: epsilonOf(asked), ...shownQuestion(options, noiseMultiplier), ...underAssumptions(asked) };
  createOutput(options.json === true).result(answer, () =>
    [`ε = ${shownEpsilon(answer.epsilon)} at δ = ${asked.delta}`, '', ...assumptionText(asked)].join('\n'),
  );
}

function calibrate(options: CalibrateOptions): void {
  const target = typedNumber(options.epsilon, '--epsilon');
  const { adjacency, accountant } = options;
  const found = calibrateNoise({
    adjacency,
    accountant,
    epsilon: target,
    delta: typedNumber(options.delta, '--delta'),
    usesAt: (noiseMultiplier) => askedFor(options, noiseMultiplier).uses,
  });
  const asked = askedFor(options, found.noiseMultiplier);
  const question = shownQuestion(options, found.noiseMultiplier);
  const answer = { ...question, epsilon: found.epsilon, target, ...underAssumptions(asked) };
  createOutput(options.json === true).result(answer, () =>
    [
      `noise multiplier ${found.noiseMultiplier}: ε = ${shownEpsilon(Math.min(found.epsilon, target))} of ${target} at δ = ${asked.delta}`,
      '',
      ...assumptionText(asked),
    ].join('\n'),
  );
}

function askedFor(options: AccountingOptions, noiseMultiplier: number): Asked {
  const { adjacency, accountant } = options;
  const rate = options.samplingRate === undefined ? undefined : typedNumber(options.samplingRate, '--sampling-rate');
  const gridSteps = options.gridSteps === undefined ? undefined : typedNumber(options.gridSteps, '--grid-steps');
  const sampling = samplingFrom(options.sampling, rate);
  const mechanism = mechanismFrom({ noiseMultiplier, sampling, gridSteps });
  const uses = [{ mechanism, count: typedNumber(options.steps, '--steps') }];
  return { adjacency, accountant, delta: typedNumber(options.delta, '--delta'), uses };
}

function shownQuestion(options: AccountingOptions, noiseMultiplier: number) {
  const samplingRate = options.sampling === 'none' ? null : Number(options.samplingRate);
  return { noiseMultiplier, sampling: options.sampling, samplingRate, steps: Number(options.steps) };
}

async function compose(path: string, { json }: Json): Promise<void> {
  const composition = compositionFrom(await readYamlFile(path));
  const { uses, names, adjacency, accountant, delta } = composition;
  const total = epsilonOf(composition);
  const parts = uses.map((use, k) => {
    return { name: names[k] ?? '', epsilon: epsilonOf({ adjacency, accountant, delta, uses: [use] }) };
  });
  const answer = { epsilon: total, parts, ...underAssumptions(composition) };
  createOutput(json === true).result(answer, () =>
    [
      `ε = ${shownEpsilon(total)} at δ = ${delta} for all of them together`,
      ...parts.map((part) => `  ${shownEpsilon(part.epsilon)}  ${part.name} alone, at the same δ`),
      '',
      ...assumptionText(composition),
    ].join('\n'),
  );
}

async function explain(path: string, { json }: Json): Promise<void> {
  const { title, privacy, sites, cohort } = fillPlan(sourceOf(await readYamlFile(path)));
  const words = claimWords(privacy, { minimumSites: sites.minimum, minimumRows: cohort.minimumRows });
  const answer = { title, mode: privacy.mode, ...words };
  createOutput(json === true).result(answer, () =>
    [
      `${title}: what a patient's presence could still change`,
      '',
      words.guarantee,
      ...words.sentences.flatMap(bullet),
    ].join('\n'),
  );
}
