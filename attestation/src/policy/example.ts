// A commented policy to start from, in YAML: as strict as today's cloud machines allow, with every decision left visible.
import type { Tcb } from '../snp/tcb.ts';
import type { ExampleGpu } from './example-gpu.ts';
import { gpuLines } from './example-gpu.ts';
import { indented } from './template/fill.ts';
import { noMarks, snpRuleLines } from './template/snp-lines.ts';

export interface ExamplePolicyInput {
  /** Launch measurement of the enclave image that the site accepts, 96 hex digits. */
  readonly measurement: string;
  /** Chip ids of the machines that may run it, 128 hex digits each (16 on Turin). */
  readonly chipIds: readonly string[];
  readonly product: 'Genoa' | 'Turin';
  /** Floor for reported, committed and launch TCB. */
  readonly minimumTcb: Tcb;
  readonly minimumGuestSvn: number;
  /** Left out where no GPU is used. */
  readonly gpu?: ExampleGpu;
  /** Present for demonstrations only: the roots of the simulated vendors. */
  readonly simulatedRoots?: readonly string[];
}

/** YAML text that `parsePolicy` accepts once parsed. */
export function examplePolicy(input: ExamplePolicyInput): string {
  return [
    ...head,
    ...rules(input),
    ...image(input),
    ...tail,
    ...gpuLines(input.gpu, input.chipIds),
    ...weaknesses(input),
    '',
  ].join('\n');
}

const head = [
  '# Attestation policy: which machines and which code this site releases its updates to.',
  '# Every field is required. A check can be left out only by writing, in its place:',
  '#   waived: { reason: "why", until: "2027-01-31T00:00:00.000Z" }',
  'kind: AttestationPolicy',
  'version: 1',
  'platforms:',
  '  sevSnp:',
];

function rules({ product, minimumTcb, chipIds }: ExamplePolicyInput): readonly string[] {
  const floors = { reported: minimumTcb, committed: minimumTcb, launch: minimumTcb };
  const firmware = '{ major: 1, minor: 55, build: 0 }';
  const lines = snpRuleLines({ product, floors, firmware, chipIds, unknownBits: [], marks: noMarks });
  return [...indented(4, lines), '  tdx: refused', '  azureSnpVtpm: refused', '  azureTdxVtpm: refused'];
}

function image({ measurement, minimumGuestSvn, simulatedRoots }: ExamplePolicyInput): readonly string[] {
  return [
    '# The code, one entry for each accepted image. A report matches an entry in every field; `unused` means all zero.',
    'measurements:',
    '  - platform: sevSnp',
    `    vendor: ${simulatedRoots === undefined ? 'amd' : 'simulated'}`,
    `    measurement: "${measurement}"`,
    '    vmpl: 0',
    `    minimumGuestSvn: ${minimumGuestSvn}`,
    '    hostData: unused',
    '    familyId: unused',
    '    imageId: unused',
    '    idKeyDigest: unused',
    '    authorKeyDigest: unused',
  ];
}

const tail = [
  '# A TPM’s quote beside the processor’s report, both of which must hold: { vtpm: rules }.',
  'secondPath: notRequired',
  '# A certificate revocation list must be there, in date, and no older than this (60 days: AMD’s lists live six to seven weeks).',
  'collateral: { maxCrlAgeSeconds: 5184000 }',
  '# Evidence is asked for again after this time.',
  'maxEvidenceAgeSeconds: 3600',
];

function weaknesses({ simulatedRoots }: ExamplePolicyInput): readonly string[] {
  if (simulatedRoots === undefined) return [];
  return [
    '# NAMED WEAKNESS: trusts simulated silicon vendors. Their evidence proves nothing about hardware. For demonstrations only.',
    'simulatedPlatform:',
    `  roots: [${simulatedRoots.map((root) => `"${root}"`).join(', ')}]`,
  ];
}
