// A policy in plain sentences: what it accepts, what it leaves out, and what no policy covers. For the person who signs it.
import type { LimitScope } from '../explain/not-covered.ts';
import { limitsOf } from '../explain/not-covered.ts';
import { explainSnp, explainSnpImage } from './explain-snp.ts';
import { duration } from './explain-words.ts';
import type { Policy } from './policy.ts';
import { policyWeaknesses } from './weaknesses.ts';

export interface PolicySection {
  readonly heading: string;
  readonly sentences: readonly string[];
}

/** Every rule of the policy once, in the order of its file. Nothing of it is left unsaid: a test changes each value and looks for the change. */
export function explainPolicy(policy: Policy): readonly PolicySection[] {
  return [
    ...platformSections(policy),
    { heading: 'The code', sentences: policy.measurements.map(explainSnpImage) },
    { heading: 'Time', sentences: timeSentences(policy) },
    { heading: 'GPUs', sentences: gpuSentences(policy) },
    { heading: 'Weak by name', sentences: weakSentences(policy) },
    { heading: 'What no policy covers', sentences: limitsOf(scopesOf(policy)).map(({ sentence }) => sentence) },
  ].filter(({ sentences }) => sentences.length > 0);
}

function platformSections({ platforms: { sevSnp } }: Policy): readonly PolicySection[] {
  return [
    {
      heading: 'Machines with AMD SEV-SNP',
      sentences: sevSnp === 'refused' ? ['They are refused.'] : explainSnp(sevSnp),
    },
  ];
}

function timeSentences({ collateral, maxEvidenceAgeSeconds }: Policy): readonly string[] {
  return [
    `A revocation list must be there, in date, and no older than ${duration(collateral.maxCrlAgeSeconds)}.`,
    `Evidence is asked for again after ${duration(maxEvidenceAgeSeconds)}.`,
  ];
}

function gpuSentences({ gpu }: Policy): readonly string[] {
  return gpu === 'unused' ? ['No GPU may be used; its absence must be said, and is bound to the evidence.'] : [];
}

function weakSentences(policy: Policy): readonly string[] {
  return policyWeaknesses(policy).map(({ name, where, meaning, until }) =>
    name === 'waiver'
      ? `${where} is waived until ${until ?? ''}: ${meaning}`
      : `${name}: ${meaning}. Its roots: ${policy.simulatedPlatform?.roots.join(', ') ?? ''}.`,
  );
}

function scopesOf({ platforms, gpu, simulatedPlatform }: Policy): ReadonlySet<LimitScope> {
  const scopes = new Set<LimitScope>();
  if (platforms.sevSnp !== 'refused') scopes.add('sevSnp');
  if (gpu !== 'unused') scopes.add('gpu');
  if (simulatedPlatform !== undefined) scopes.add('simulated');
  return scopes;
}
