// The other decisions of a person: refuse, withdraw, consent to the model's release. Each a signed document in the inbox.
import { sign, type Verified } from '@wardround/protocol/documents/signed';
import { WardroundError } from '@wardround/protocol/errors';
import type { SigningKey } from '@wardround/protocol/keys';
import type { SitePaths } from '../config/site-paths.ts';
import { signedApprovals, writeToInbox } from './inbox-writer.ts';
import { readStudy } from './read-study.ts';

export interface Decision {
  readonly paths: SitePaths;
  readonly site: string;
  readonly study: string;
  readonly approvalKey: SigningKey;
  readonly now: () => Date;
}

/** Says that this site does not take part; carries no reason. @throws as `readStudy` */
export async function refuseStudy(decision: Decision): Promise<Verified<'Refusal'>> {
  const { federation } = await readStudy(decision.paths, decision.study);
  const names = { federation: federation.federation, study: decision.study, site: decision.site };
  const value = { kind: 'Refusal', version: 1, ...names, refusedAt: decision.now().toISOString() } as const;
  return await put(decision, await sign('Refusal', value, decision.approvalKey));
}

/** Takes the newest approval back, before the next sealing; what left cannot be recalled. @throws WardroundError `withdraw-nothing` */
export async function withdrawStudy(decision: Decision): Promise<Verified<'Withdrawal'>> {
  const { federation } = await readStudy(decision.paths, decision.study);
  const newest = (await signedApprovals(decision.paths, decision.study, decision.approvalKey.publicKey)).at(-1);
  if (newest === undefined) throw new WardroundError('withdraw-nothing', 'this site approved no such study');
  const names = { federation: federation.federation, study: decision.study, site: decision.site };
  const withdrawnAt = decision.now().toISOString();
  const value = { kind: 'Withdrawal', version: 1, ...names, approval: newest.digest, withdrawnAt } as const;
  return await put(decision, await sign('Withdrawal', value, decision.approvalKey));
}

/**
 * Consents that the final model goes to one recipient of the plan.
 *
 * @param recipient a researcher's name @throws WardroundError `consent-recipient`, `consent-not-finished`
 */
export async function consentToRelease(
  decision: Decision & { readonly recipient: string },
): Promise<Verified<'ReleaseConsent'>> {
  const { federation, plan, files } = await readStudy(decision.paths, decision.study);
  const entry = plan.value.release.to.find(({ name }) => name === decision.recipient);
  if (entry === undefined) {
    throw new WardroundError('consent-recipient', 'not a recipient of the plan', {
      expected: plan.value.release.to.map(({ name }) => name).join(', '),
      got: decision.recipient,
    });
  }
  const results = await files.readResults(decision.study);
  if (results === null)
    throw new WardroundError('consent-not-finished', 'the study has not finished at this site', { action: 'retry' });
  const { receipt, model } = results;
  const names = { federation: federation.federation, study: decision.study, site: decision.site };
  const consentedAt = decision.now().toISOString();
  const value = {
    kind: 'ReleaseConsent',
    version: 1,
    ...names,
    receipt,
    model,
    recipient: entry.signing,
    consentedAt,
  } as const;
  return await put(decision, await sign('ReleaseConsent', value, decision.approvalKey));
}

async function put<K extends 'Refusal' | 'Withdrawal' | 'ReleaseConsent'>(
  { paths }: Decision,
  document: Verified<K>,
): Promise<Verified<K>> {
  await writeToInbox(paths, document);
  return document;
}
