// Who would sign a plan that is compiled before anybody signs it: whoever was named for it, never the first of several.
import type { FederationView } from '@wardround/protocol/federation-view';
import { WardroundError } from '@wardround/protocol/errors';
import type { PlanSource } from '@wardround/protocol/plan/source';
import { openParty } from './party-directory.ts';

export interface Candidates {
  /** What `--researcher` said. */
  readonly typed: string | undefined;
  /** Where the federation's records were found: a researcher's directory says whose it is. */
  readonly path: string;
  readonly source: Pick<PlanSource, 'release'>;
  readonly federation: Pick<FederationView, 'researchers'>;
}

/**
 * The name that was typed; else that of the directory's owner; else the plan's one recipient; else the federation's one researcher.
 * Whether the federation knows that name is judged with the rest of the plan.
 *
 * @throws WardroundError `researcher-unnamed` where that leaves several; those of {@link openParty} for a directory that is spoiled
 */
export async function whoSigns({ typed, path, source, federation }: Candidates): Promise<string> {
  const names = federation.researchers.map(({ name }) => name);
  const named = typed ?? (await ownerOf(path)) ?? onlyOne(source.release.to) ?? onlyOne(names);
  if (named !== null) return named;
  throw new WardroundError('researcher-unnamed', "nothing says which of the federation's researchers will sign", {
    where: '--researcher',
    expected: `one of ${names.join(', ')}`,
  });
}

async function ownerOf(path: string): Promise<string | null> {
  try {
    return (await openParty(path, 'researcher')).name;
  } catch (error) {
    if (error instanceof WardroundError && error.code === 'party-missing') return null;
    throw error;
  }
}

function onlyOne(names: readonly string[]): string | null {
  const [first = null, ...others] = new Set(names);
  return others.length === 0 ? first : null;
}
