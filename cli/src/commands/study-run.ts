// `wardround study launch|watch|status|model`: a plan signed and put before the hospitals, followed, and its model opened.
import type { Command } from 'commander';
import { sign, type Verified } from '@wardround/protocol/documents/signed';
import { PlanInvalidError } from '@wardround/protocol/plan/problems';
import type { RelayConnection } from '@wardround/relay/connect';
import { ExitCode } from '../exit-code.ts';
import { type FederationFile, viewAt } from '../federation-file.ts';
import { createOutput, type Output } from '../output.ts';
import { readReceivingKey } from '../party/key-files.ts';
import { recordsOf } from '../party/link.ts';
import { receivingKeyPath } from '../party/party-directory.ts';
import { currentFederation, openResearcher, type Researcher, withResearcher } from '../party/researcher.ts';
import { compileFile, planProblems, planProblemsText } from '../plan-file.ts';
import { planText } from '../plan-text.ts';
import { findPlan, readStudy } from '../study/find-study.ts';
import { inputScaling } from '../study/input-scaling.ts';
import { modelCard } from '../study/model-card.ts';
import { writeModelDirectory } from '../study/model-directory.ts';
import { modelFiles } from '../study/model-files.ts';
import { exportOf, writeExport } from '../study/record-export.ts';
import { releasedFigures } from '../study/released-figures.ts';
import { findRelease, openRelease } from '../study/released-model.ts';
import { studyResults } from '../study/results.ts';
import { studyStatus, statusText } from '../study/status.ts';
import { watchStudy } from '../study/watch.ts';
import type { StudyRecords } from '@wardround/protocol/study-records';
import { readYamlFile } from '../yaml-file.ts';
import { fingerprintOption, type Json, jsonOption, researcherDirOption } from './options.ts';

interface Options extends Json {
  readonly dir?: string;
  readonly fingerprint?: string;
}

export function addRunCommands(study: Command): void {
  study
    .command('launch')
    .description('sign a plan and put it before the hospitals; prints the study id')
    .argument('<plan>', 'the plan (YAML)')
    .addOption(researcherDirOption())
    .addOption(fingerprintOption())
    .addOption(jsonOption())
    .action(launch);
  study
    .command('watch')
    .description('follow a study, a line for each thing that happens, until it is complete')
    .argument('<id>', "the study's id, or its first digits")
    .addOption(researcherDirOption())
    .addOption(fingerprintOption())
    .addOption(jsonOption())
    .action(watch);
  study
    .command('status')
    .description('where a study stands, from signed records only')
    .argument('<id>', "the study's id, or its first digits")
    .addOption(researcherDirOption())
    .addOption(fingerprintOption())
    .option('--export <dir>', 'write the records there, for `wardround audit verify`')
    .addOption(jsonOption())
    .action(status);
  study
    .command('model')
    .description('open the released model with your key, check it against the cosigned receipt, and write it')
    .argument('<id>', "the study's id, or its first digits")
    .requiredOption('--out <dir>', 'a new directory for the files')
    .addOption(researcherDirOption())
    .addOption(fingerprintOption())
    .addOption(jsonOption())
    .action(model);
}

async function launch(path: string, { dir, fingerprint, json }: Options): Promise<void> {
  const output = createOutput(json === true);
  const researcher = await openResearcher(dir);
  const file = await readYamlFile(path);
  const plan = await withResearcher(researcher, async (link) => {
    const { view } = await currentFederation(researcher, link, fingerprint);
    const value = compileOrExplain(
      () => compileFile(file, { federation: view, researcher: researcher.party.name }, new Date()),
      (error) => {
        output.note(planProblemsText(file, error));
        if (output.json)
          output.result({ valid: false, file: path, code: error.code, problems: planProblems(file, error) }, () => '');
      },
    );
    output.note(planText(value));
    const signed = await sign('StudyPlan', value, researcher.key);
    await link.board.publish('federation', signed.jws);
    return signed;
  });
  output.result({ study: plan.digest, plan: plan.value }, () =>
    [
      `Launched. The study is ${plan.digest}`,
      `The hospitals decide now. Follow it: wardround study watch ${plan.digest.slice(0, 12)}`,
    ].join('\n'),
  );
}

function compileOrExplain<T>(compile: () => T, explain: (error: PlanInvalidError) => void): T {
  try {
    return compile();
  } catch (error) {
    if (!(error instanceof PlanInvalidError)) throw error;
    explain(error);
    throw new ExitCode(1);
  }
}

async function status(
  id: string,
  { dir, fingerprint, json, export: to }: Options & { export?: string },
): Promise<void> {
  const researcher = await openResearcher(dir);
  const { records, federation, jwsList } = await withResearcher(
    researcher,
    async (link) => await readAll(researcher, link, { id, fingerprint }),
  );
  if (to !== undefined) await writeExport(to, await exportOf({ federation, study: records.study, jwsList }));
  const document = studyStatus(records);
  createOutput(json === true).result(document, () => statusText(document, records));
}

async function watch(id: string, { dir, fingerprint, json }: Options): Promise<void> {
  const output = createOutput(json === true);
  const researcher = await openResearcher(dir);
  const document = await withResearcher(researcher, async (link) => {
    const { plan } = await readPlan(researcher, link, { id, fingerprint });
    return studyStatus(await watchStudy({ link, plan, onLine: lineWriter(output) }));
  });
  output.result(document, () =>
    document.complete ? 'The last round is closed.' : `The study stopped [${document.stopped?.code ?? 'unknown'}]`,
  );
  if (!document.complete) throw new ExitCode(1);
}

/** Progress is the result of `watch`, so people get it on stdout. */
function lineWriter(output: Output): (line: string) => void {
  return (line) => (output.json ? output.note(line) : void process.stdout.write(`${line}\n`));
}

async function model(id: string, { dir, fingerprint, json, out }: Options & { out: string }): Promise<void> {
  const researcher = await openResearcher(dir);
  const key = await readReceivingKey(receivingKeyPath(researcher.party.path));
  const document = await withResearcher(researcher, async (link) => {
    const { records } = await readAll(researcher, link, { id, fingerprint });
    const released = findRelease(records, researcher.key.thumbprint);
    const { tensors } = await openRelease(released, { chunks: link.chunks, key, study: records.study });
    const plan = records.plan.value;
    const origin = { study: records.study, model: released.release.value.model, receipt: released.receipt.digest };
    const results = studyResults(records);
    const figures = releasedFigures(results);
    const card = modelCard(records, { released, model: tensors, figures, provenance: 'notStated' });
    const scaling = inputScaling(
      plan,
      results.map(({ values }) => values),
    );
    const files = modelFiles({ plan, model: tensors, origin, scaling, card });
    await writeModelDirectory(out, files);
    return {
      study: records.study,
      model: released.release.value.model,
      receipt: released.receipt.digest,
      directory: out,
      files: [...files.keys()],
    };
  });
  createOutput(json === true).result(document, () =>
    [
      `The model ${document.model.slice(0, 12)} is the one whose receipt the sites cosigned. Written to ${out}:`,
      ...document.files.map((name) => `  ${name}`),
      'Read model-card.md first: what it is for, its limits, its weaknesses.',
    ].join('\n'),
  );
}

interface Wanted {
  readonly id: string;
  readonly fingerprint: string | undefined;
}

async function readPlan(
  researcher: Researcher,
  link: RelayConnection,
  { id, fingerprint }: Wanted,
): Promise<{
  readonly plan: { readonly plan: Verified<'StudyPlan'>; readonly federation: StudyRecords['federation'] };
  readonly federation: FederationFile;
}> {
  const { view, file } = await currentFederation(researcher, link, fingerprint);
  const board = await recordsOf(link, 'federation');
  const plan = await findPlan(id, view, board);
  const records = [...new Set([...file.records, ...board])];
  const federation = { federation: file.federation, records };
  return { plan: { plan, federation: await viewAt(federation, plan.value.membership) }, federation };
}

async function readAll(
  researcher: Researcher,
  link: RelayConnection,
  wanted: Wanted,
): Promise<{
  readonly records: StudyRecords;
  readonly federation: FederationFile;
  readonly jwsList: readonly string[];
}> {
  const { plan, federation } = await readPlan(researcher, link, wanted);
  const { records, kept } = await readStudy(plan, await recordsOf(link, plan.plan.digest));
  return { records, federation, jwsList: kept };
}
