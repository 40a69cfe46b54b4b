// A policy in plain sentences: what it accepts, what it leaves out, and what no policy covers. For the person who signs it.
import type { LimitScope } from '../explain/not-covered.ts';
import { limitsOf } from '../explain/not-covered.ts';
import { explainSnp, explainSnpImage } from './explain-snp.ts';
import { explainNvidia } from './explain-nvidia.ts';
import { explainTdx, explainTdxImage } from './explain-tdx.ts';
import { explainTpm } from './explain-tpm.ts';
import { duration, waivedSentence } from './explain-words.ts';
import { isWaiver } from './waiver.ts';
import type { Policy } from './policy.ts';
import type { Weakness } from './weaknesses.ts';
import { policyWeaknesses } from './weaknesses.ts';

export interface PolicySection {
  readonly heading: string;
  readonly sentences: readonly string[];
}

/** Every rule of the policy once, in the order of its file. Nothing of it is left unsaid: a test changes each value and looks for the change. */
export function explainPolicy(policy: Policy): readonly PolicySection[] {
  return [
    ...platformSections(policy),
    { heading: 'The code', sentences: policy.measurements.map(explainImage) },
    { heading: 'Time', sentences: timeSentences(policy) },
    { heading: 'GPUs', sentences: gpuSentences(policy) },
    { heading: 'Weak by name', sentences: weakSentences(policy) },
    { heading: 'What no policy covers', sentences: limitsOf(scopesOf(policy)).map(({ sentence }) => sentence) },
  ].filter(({ sentences }) => sentences.length > 0);
}

function explainImage(image: Policy['measurements'][number]): string {
  return image.platform === 'sevSnp' ? explainSnpImage(image) : explainTdxImage(image);
}

function platformSections({ platforms, secondPath }: Policy): readonly PolicySection[] {
  const { sevSnp, tdx, azureSnpVtpm, azureTdxVtpm } = platforms;
  const sections = [
    ['Machines with AMD SEV-SNP', sevSnp === 'refused' ? null : explainSnp(sevSnp)],
    ['Machines with Intel TDX', tdx === 'refused' ? null : explainTdx(tdx)],
    [
      'Azure’s machines with AMD SEV-SNP, behind a paravisor',
      azureSnpVtpm === 'refused'
        ? null
        : [
            ...explainSnp(azureSnpVtpm.sevSnp),
            ...azureSnpVtpm.paravisors.map((image) => `As paravisor: ${explainSnpImage(image)}`),
            ...explainTpm(azureSnpVtpm.vtpm),
          ],
    ],
    [
      'Azure’s machines with Intel TDX, behind a paravisor',
      azureTdxVtpm === 'refused'
        ? null
        : [
            ...explainTdx(azureTdxVtpm.tdx),
            ...azureTdxVtpm.paravisors.map((image) => `As paravisor: ${explainTdxImage(image)}`),
            ...explainTpm(azureTdxVtpm.vtpm),
          ],
    ],
    [
      'A second path to the machine',
      secondPath === 'notRequired'
        ? ['The processor’s evidence is enough; a TPM’s quote beside it is refused.']
        : ['A TPM’s quote must be there as well, and agree.', ...explainTpm(secondPath.vtpm)],
    ],
  ] as const;
  return sections.map(([heading, sentences]) => ({ heading, sentences: sentences ?? ['They are refused.'] }));
}

function timeSentences({ collateral, maxEvidenceAgeSeconds }: Policy): readonly string[] {
  return [
    `A revocation list must be there, in date, and no older than ${duration(collateral.maxCrlAgeSeconds)}.`,
    `Evidence is asked for again after ${duration(maxEvidenceAgeSeconds)}.`,
  ];
}

function gpuSentences({ gpu, machines }: Policy): readonly string[] {
  if (gpu === 'unused') return ['No GPU may be used; its absence must be said, and is bound to the evidence.'];
  return [...explainNvidia(gpu.nvidia), machineSentence(machines)];
}

function machineSentence(machines: Policy['machines']): string {
  if (machines === 'processorAlone') return 'Processors and GPUs are not paired.';
  if (isWaiver(machines))
    return `ANY of these GPUs may stand in any of these machines, so that one elsewhere can answer: ${waivedSentence(machines)}`;
  const pairs = machines.map(({ processor, devices }) => `${processor} with ${devices.join(', ')}`);
  return `Processor and devices must be one of these machines: ${pairs.join('; ')}.`;
}

function weakSentences(policy: Policy): readonly string[] {
  return policyWeaknesses(policy).map((weakness) => weakSentence(weakness, policy));
}

function weakSentence({ name, where, meaning, until }: Weakness, { simulatedPlatform }: Policy): string {
  switch (name) {
    case 'waiver':
      return `${where} is waived until ${until ?? ''}: ${meaning}`;
    case 'replayed':
      return `${where} is only replayed: ${meaning}.`;
    case 'simulatedPlatform':
      return `${name}: ${meaning}. Its roots: ${simulatedPlatform?.roots.join(', ') ?? ''}.`;
  }
}

function scopesOf({ platforms, gpu, secondPath, simulatedPlatform }: Policy): ReadonlySet<LimitScope> {
  const { sevSnp, tdx, azureSnpVtpm, azureTdxVtpm } = platforms;
  const scopes: readonly (readonly [LimitScope, boolean])[] = [
    ['sevSnp', sevSnp !== 'refused' || azureSnpVtpm !== 'refused'],
    ['tdx', tdx !== 'refused' || azureTdxVtpm !== 'refused'],
    ['vtpm', azureSnpVtpm !== 'refused' || azureTdxVtpm !== 'refused' || secondPath !== 'notRequired'],
    ['gpu', gpu !== 'unused'],
    ['simulated', simulatedPlatform !== undefined],
  ];
  return new Set(scopes.flatMap(([scope, applies]) => (applies ? [scope] : [])));
}
