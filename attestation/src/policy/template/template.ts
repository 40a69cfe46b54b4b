// `wardround policy init`: a commented policy for one platform. It parses, and refuses everything until a person fills it in.
import { WardroundError } from '@wardround/protocol/errors';
import type { Policy } from '../policy.ts';
import { filler, indented, placeholder } from './fill.ts';
import type { Filler } from './fill.ts';
import { gpuTemplate } from './gpu-lines.ts';
import type { ShownMachine } from './shown.ts';
import { snpImageLines, snpTemplate } from './snp-lines.ts';
import { tdxImageLines, tdxTemplate } from './tdx-lines.ts';
import { tpmTemplate } from './tpm-lines.ts';

export type TemplatePlatform = ShownMachine['platform'];

export interface TemplateRequest {
  readonly platform: TemplatePlatform;
  readonly product: 'Genoa' | 'Turin';
  readonly gpu: 'hopper' | 'blackwell' | 'none';
  /** What a bundle shows, and what it is called. */
  readonly from?: { readonly machine: ShownMachine; readonly name: string };
}

/**
 * YAML text that `parsePolicy` accepts once parsed.
 * @throws WardroundError `policy-template` where the bundle is of another platform, or of Milan
 */
export function policyTemplate(request: TemplateRequest): string {
  const { platform, from } = request;
  if (from !== undefined) requireFits(request, from.machine);
  const fill = filler(from?.name ?? null);
  const machine = from?.machine ?? null;
  const product = productOf(machine) ?? request.product;
  return [
    ...head(request),
    'kind: AttestationPolicy',
    'version: 1',
    '# Each platform is refused, or has its rules.',
    'platforms:',
    ...platformLines({ platform, product, machine }, fill),
    ...imageSection({ platform, machine }, fill),
    '# A TPM’s quote beside the processor’s report, both of which must hold: { vtpm: rules }.',
    'secondPath: notRequired',
    '# A revocation list must be there, in date, and no older than this (60 days: AMD’s lists live six to seven weeks).',
    'collateral: { maxCrlAgeSeconds: 5184000 }',
    '# Evidence is asked for again after this time.',
    'maxEvidenceAgeSeconds: 3600',
    ...gpuTemplate(
      { gpu: gpuOf(request), devices: machine?.devices ?? [], processor: processorOf(platform, machine) },
      fill,
    ),
    '',
  ].join('\n');
}

function head({ platform, from }: TemplateRequest): readonly string[] {
  const filled =
    from === undefined
      ? [
          '# AS IT STANDS IT REFUSES EVERY MACHINE: fill in every line that says FILL IN, from the enclave release that your people',
          '# reviewed, from the machine’s operator, and from the vendor’s bulletins.',
        ]
      : [
          `# FILLED IN FROM ${from.name}, WHICH NOBODY JUDGED: it proves nothing that this policy accepts the bundle that it was made from.`,
          '# Confirm every marked value with the operator and your own review before you use it; what says FILL IN refuses everything.',
        ];
  return [
    `# Attestation policy for ${platform}: which machines and which code this site releases its updates to.`,
    ...filled,
    '# Every field is required. A check can be left out only by writing, in its place:',
    '#   waived: { reason: "why", until: "2027-01-31T00:00:00.000Z" }',
    '# `wardround policy explain FILE` says in sentences what it accepts.',
  ];
}

interface Wanted {
  readonly platform: TemplatePlatform;
  readonly product: 'Genoa' | 'Turin';
  readonly machine: ShownMachine | null;
}

const platformNames = ['sevSnp', 'tdx', 'azureSnpVtpm', 'azureTdxVtpm'] as const;

function platformLines(wanted: Wanted, fill: Filler): readonly string[] {
  return platformNames.flatMap((name) =>
    name === wanted.platform ? [`  ${name}:`, ...indented(4, rulesOf(wanted, fill))] : [`  ${name}: refused`],
  );
}

function rulesOf({ platform, product, machine }: Wanted, fill: Filler): readonly string[] {
  const snp = (): readonly string[] => snpTemplate({ product, shown: machine?.snp ?? null }, fill);
  const tdx = (): readonly string[] => tdxTemplate(machine?.tdx ?? null, fill);
  const vtpm = (): readonly string[] => [
    '# What the paravisor’s TPM measured: your own image.',
    'vtpm:',
    ...indented(2, tpmTemplate(machine?.registers ?? null, fill)),
  ];
  const paravisors = (lines: readonly string[]): readonly string[] => [
    '# What the processor measured: the cloud’s paravisor, which you trust for the rest.',
    'paravisors:',
    ...indented(2, lines),
  ];
  switch (platform) {
    case 'sevSnp':
      return snp();
    case 'tdx':
      return tdx();
    case 'azureSnpVtpm':
      return ['sevSnp:', ...indented(2, snp()), ...paravisors(snpImageLines(machine?.snp ?? null, fill)), ...vtpm()];
    case 'azureTdxVtpm':
      return ['tdx:', ...indented(2, tdx()), ...paravisors(tdxImageLines(machine?.tdx ?? null, fill)), ...vtpm()];
  }
}

function imageSection({ platform, machine }: Pick<Wanted, 'platform' | 'machine'>, fill: Filler): readonly string[] {
  if (platform === 'azureSnpVtpm' || platform === 'azureTdxVtpm') {
    return ['# Of machines without a paravisor; here the vTPM’s images say which code runs.', 'measurements: []'];
  }
  const lines =
    platform === 'sevSnp' ? snpImageLines(machine?.snp ?? null, fill) : tdxImageLines(machine?.tdx ?? null, fill);
  return [
    '# The code, one entry for each accepted image. Evidence matches an entry in every field, never the fields of several.',
    'measurements:',
    ...indented(2, lines),
  ];
}

function gpuOf({ gpu, from }: TemplateRequest): TemplateRequest['gpu'] {
  const shown = from?.machine.devices.find(({ kind }) => kind === 'gpu')?.fields.architecture;
  return shown === 'hopper' || shown === 'blackwell' ? shown : gpu;
}

function processorOf(platform: TemplatePlatform, machine: ShownMachine | null): string {
  if (platform === 'sevSnp' || platform === 'azureSnpVtpm') {
    const chipId = machine?.snp?.chipId ?? placeholder.chipId;
    return /[1-9a-f]/.test(chipId) ? chipId : placeholder.chipId;
  }
  return machine?.tdx?.pck?.ppid ?? placeholder.shortId;
}

function productOf(machine: ShownMachine | null): 'Genoa' | 'Turin' | null {
  const product = machine?.snp?.product ?? null;
  return product === 'Milan' ? null : product;
}

function requireFits({ platform }: TemplateRequest, machine: ShownMachine): void {
  if (machine.platform !== platform) {
    throw new WardroundError('policy-template', 'the bundle is of another platform', {
      expected: platform,
      got: machine.platform,
    });
  }
  if (machine.snp?.product !== 'Milan') return;
  throw new WardroundError('policy-template', 'Milan’s root seed is public: no policy is begun for it', {
    expected: 'a machine with Genoa or Turin',
    got: 'Milan (arXiv 2605.12990)',
    action: 'stop',
  });
}

/** Whether nobody filled in yet which code is accepted. */
export function isUnfilled({ measurements, platforms: { azureSnpVtpm, azureTdxVtpm } }: Policy): boolean {
  const own = measurements.map((image) => (image.platform === 'sevSnp' ? image.measurement : image.mrtd));
  const azure = [azureSnpVtpm, azureTdxVtpm].flatMap((rules) =>
    rules === 'refused'
      ? []
      : rules.paravisors.map((image) => (image.platform === 'sevSnp' ? image.measurement : image.mrtd)),
  );
  return [...own, ...azure].every((measurement) => measurement === placeholder.measurement);
}
