// Reading NVIDIA's second opinions before an appraisal: answers come with the evidence and need no trust, keys only from the site's own mirror.
// Apart from the appraisal itself, which waits for nothing, because tokens are opened by a library that does.
import { WardroundError } from '@wardround/protocol/errors';
import { requireInstant } from './clock.ts';
import { gpuNonceFor } from './nvidia/binding.ts';
import type { NrasReading } from './nvidia/nras.ts';
import { nrasIssuer, readNras } from './nvidia/nras.ts';
import type { NrasKey, NrasKeysRule } from './nvidia/nras-keys.ts';
import { believedKeys } from './nvidia/nras-keys.ts';
import type { Policy } from './policy/policy.ts';
import type { AppraisalInput } from './verifier.ts';

/** One about GPUs, one about switches, and one more to refuse for: whoever wrote the bundle does not choose how many a site reads. */
const mostRead = 3;

/**
 * Every answer of the service in bundle and mirror, read under the keys that the policy believes; none where the policy asks for none. What is wrong
 * with an answer, or with the keys, is in the reading, for the step `second-opinion`.
 * @throws WardroundError `clock-invalid`
 */
export async function readSecondOpinions({
  evidence,
  policy,
  expected,
  at,
  mirror,
}: Omit<AppraisalInput, 'secondOpinions'>): Promise<readonly NrasReading[]> {
  requireInstant(at);
  const required = wantedOpinion(policy);
  if (required === null) return [];
  const own = mirror.map(({ endorsement }) => endorsement);
  const eats = [...own, ...evidence.endorsements].flatMap((each) => (each.type === 'nras' ? [each.eat] : []));
  const answers = [...new Set(eats)].slice(0, mostRead);
  if (answers.length === 0) return [];
  // Not the bundle's: what an enclave could send, it could have made.
  const sets = own.flatMap((each) => (each.type === 'nrasKeys' ? [each] : []));
  const keys = refusable(() => believedKeys(sets, required, at));
  if (keys instanceof WardroundError) return answers.map(() => ({ held: false, refusal: keys }));
  const nonce = gpuNonceFor(expected.nonce);
  return await Promise.all(answers.map(async (eat) => await readNras({ eat, keys, issuer: nrasIssuer, nonce, at })));
}

/** How the policy wants a second opinion; null where it wants none. */
export function wantedOpinion({ gpu }: Policy): NrasKeysRule | null {
  return gpu === 'unused' || gpu.nvidia.nras === 'notUsed' ? null : gpu.nvidia.nras.required;
}

/** The same appraisal with its second opinions read. @throws WardroundError `clock-invalid` */
export async function withSecondOpinions(input: Omit<AppraisalInput, 'secondOpinions'>): Promise<AppraisalInput> {
  return { ...input, secondOpinions: await readSecondOpinions(input) };
}

function refusable(work: () => readonly NrasKey[]): readonly NrasKey[] | WardroundError {
  try {
    return work();
  } catch (error) {
    if (error instanceof WardroundError) return error;
    throw error;
  }
}
