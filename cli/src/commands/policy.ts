// `wardround policy`: a commented attestation policy to start from (init), and what a policy accepts, in sentences (explain).
import { open } from 'node:fs/promises';
import { basename } from 'node:path';
import { type Command, Option } from 'commander';
import { parseLimitedJson } from '@wardround/protocol/canonical-json';
import { WardroundError } from '@wardround/protocol/errors';
import { evidenceLimits, parseEvidence } from '@wardround/attestation/evidence';
import { explainPolicy, type PolicySection } from '@wardround/attestation/policy/explain';
import { parsePolicy } from '@wardround/attestation/policy/policy';
import { shownMachine } from '@wardround/attestation/policy/template/shown';
import { policyTemplate, type TemplateRequest } from '@wardround/attestation/policy/template/template';
import { instantOf, readBytes } from '../evidence/files.ts';
import { ExitCode } from '../exit-code.ts';
import { createOutput } from '../output.ts';
import { wrapped } from '../wrap.ts';
import { readYamlFile } from '../yaml-file.ts';
import { type Json, jsonOption } from './options.ts';

const platforms = {
  'sev-snp': 'sevSnp',
  tdx: 'tdx',
  'azure-snp-vtpm': 'azureSnpVtpm',
  'azure-tdx-vtpm': 'azureTdxVtpm',
} as const;

interface InitOptions {
  readonly platform: keyof typeof platforms;
  readonly product: 'Genoa' | 'Turin' | 'Milan';
  readonly gpu: TemplateRequest['gpu'];
  readonly from?: string;
  readonly out?: string;
}

/** The input cannot be read, or is none. */
const unreadable = 2;

export function addPolicyCommands(program: Command): void {
  const policy = program.command('policy').description('which machines and which code a site releases its updates to');
  policy
    .command('init')
    .description('write a commented policy that refuses everything until it is filled in')
    .addOption(
      new Option('--platform <platform>', 'the sort of machine').choices(Object.keys(platforms)).makeOptionMandatory(),
    )
    .addOption(
      new Option('--product <product>', 'with SEV-SNP: the processor')
        .choices(['Genoa', 'Turin', 'Milan'])
        .default('Genoa'),
    )
    .addOption(new Option('--gpu <gpu>', 'the GPUs beside it').choices(['hopper', 'blackwell', 'none']).default('none'))
    .option('--from <bundle>', 'fill in what this evidence bundle shows, which is not judged')
    .option('--out <file>', 'where to write it; nothing is overwritten (default: standard output)')
    .action(async (options: InitOptions) => await unreadableIs2(async () => await init(options)));
  policy
    .command('explain')
    .description('say in sentences what a policy accepts, what is weak in it, and what no policy covers')
    .argument('<file>', 'policy.yaml')
    .addOption(jsonOption())
    .action(async (file: string, options: Json) => await unreadableIs2(async () => await explain(file, options)));
}

async function init({ platform, product, gpu, from, out }: InitOptions): Promise<void> {
  if (product === 'Milan') {
    throw new WardroundError('policy-template', 'Milan’s root seed is public: no policy is begun for it', {
      where: '--product',
      expected: 'Genoa or Turin',
      got: 'Milan (arXiv 2605.12990)',
    });
  }
  const shown =
    from === undefined
      ? {}
      : { from: { machine: await machineIn(from), name: basename(from).replaceAll(/[^\w.-]/g, '_') } };
  const text = policyTemplate({ platform: platforms[platform], product, gpu, ...shown });
  if (out === undefined) {
    process.stdout.write(text);
    return;
  }
  await writeNew(out, text);
  createOutput(false).note(`${out}: every line that says FILL IN, or is marked as shown, is for a person to decide`);
}

async function machineIn(path: string): Promise<ReturnType<typeof shownMachine>> {
  return shownMachine(parseEvidence(parseLimitedJson(await readBytes(path), evidenceLimits)), instantOf(undefined));
}

async function writeNew(path: string, text: string): Promise<void> {
  try {
    const file = await open(path, 'wx', 0o644);
    await file.writeFile(text);
    await file.close();
  } catch (cause) {
    throw new WardroundError('file-unwritable', 'this file cannot be written; nothing is overwritten', {
      where: path,
      cause,
    });
  }
}

async function explain(path: string, { json }: Json): Promise<void> {
  const policy = parsePolicy((await readYamlFile(path)).value);
  const sections = explainPolicy(policy);
  createOutput(json === true).result({ kind: 'PolicyExplanation', sections }, () => sectionsText(sections));
}

const widest = 110;

function sectionsText(sections: readonly PolicySection[]): string {
  const width = Math.min(process.stdout.columns ?? widest, widest);
  return sections
    .map(({ heading, sentences }) =>
      [heading, ...sentences.flatMap((sentence) => wrapped(sentence, { width, first: '  - ', rest: '    ' }))].join(
        '\n',
      ),
    )
    .join('\n\n');
}

async function unreadableIs2(work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (error instanceof WardroundError) throw new ExitCode(unreadable, error);
    throw error;
  }
}
