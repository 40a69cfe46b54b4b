// A plan as a person's command reads it from the vault's directory: verified again, with the federation that this site founded.
import { verify, type Verified } from '@wardround/protocol/documents/signed';
import { WardroundError } from '@wardround/protocol/errors';
import type { FederationView } from '@wardround/protocol/federation-view';
import type { SitePaths } from '../config/site-paths.ts';
import { readFounding } from '../founding/genesis-file.ts';
import { FederationBook } from '../vault/federation-book.ts';
import { VaultFiles } from '../vault/files.ts';

export interface ReadStudy {
  readonly plan: Verified<'StudyPlan'>;
  /** The view that the plan names. */
  readonly federation: FederationView;
  readonly newest: FederationView;
  readonly files: VaultFiles;
}

/** @throws WardroundError `federation-incomplete`, `study-unknown`, `jws-*` where the file is not what a researcher signed */
export async function readStudy(paths: SitePaths, study: string): Promise<ReadStudy> {
  const founding = await readFounding(paths);
  if (founding === null)
    throw new WardroundError('federation-incomplete', 'the federation is not founded yet', { action: 'retry' });
  const files = new VaultFiles(paths);
  const book = new FederationBook(founding);
  for (const jws of await files.readMemberships()) await book.add(jws);
  const jws = /^[0-9a-f]{64}$/.test(study) ? await files.readPlan(study) : null;
  if (jws === null) {
    throw new WardroundError(
      'study-unknown',
      'this site knows no such study, or did not accept its plan for consideration',
      { got: study },
    );
  }
  const plan = await verifyPlan(jws, book);
  if (plan.digest !== study)
    throw new WardroundError('study-unknown', 'the plan on disk is another one', { action: 'stop' });
  const federation = book.memberships.get(plan.value.membership);
  if (federation === undefined)
    throw new WardroundError('study-unknown', 'the plan names members that this site does not know');
  return { plan, federation, newest: book.newest, files };
}

/** Any researcher of any view may have signed it; which one it says it is, the vault checked when it took the plan, and we check again. */
async function verifyPlan(jws: string, book: FederationBook): Promise<Verified<'StudyPlan'>> {
  const researchers = [...book.memberships.values()].flatMap((view) => view.researchers);
  const plan = await verify(
    'StudyPlan',
    jws,
    researchers.map(({ signing }) => signing),
  );
  const [verified] = await book.add(jws);
  if (verified === undefined)
    throw new WardroundError('study-unknown', 'not signed by the researcher that it names', { action: 'stop' });
  return plan;
}
