// Makes the attacker a researcher of the federation, with a Membership that no hospital signed.
import type { DocumentOf } from '@wardround/protocol/documents/registry';
import { sign } from '@wardround/protocol/documents/signed';
import { readFederation } from '@wardround/protocol/federation-view';
import { generateHpkeKey } from '@wardround/protocol/hpke-keys';
import { generateSigningKey } from '@wardround/protocol/keys';
import type { Attack } from './attack.ts';
import { kindOf } from './views.ts';

export const inventedName = 'mallory';
export const inventedTitle = 'Mallory would like your data';

/** The attacker then signs a copy of the genuine plan as its own: a hospital that lists it believes the membership. */
export async function inventedMember(): Promise<Attack> {
  const [key, receiving] = [generateSigningKey(), await generateHpkeKey()];
  let done = false;
  return {
    onRecord: async ({ jws }, tools) => {
      if (done || kindOf(jws) !== 'StudyPlan') return;
      done = true;
      const view = await readFederation(tools.seen.map((record) => record.jws));
      const membership: DocumentOf<'Membership'> = {
        kind: 'Membership',
        version: 1,
        federation: view.federation,
        predecessor: view.membership,
        sequence: view.sequence + 1,
        issuedAt: new Date().toISOString(),
        reason: 'The coordinator would like to be a researcher',
        changes: [
          {
            action: 'addResearcher',
            researcher: {
              name: inventedName,
              displayName: 'Mallory',
              signing: key.publicKey,
              receiving: receiving.publicKey,
            },
          },
        ],
      };
      const signed = await sign('Membership', membership, key);
      tools.inject({ topic: 'federation', jws: signed.jws });
      const plan = JSON.parse(Buffer.from(jws.split('.')[1] ?? '', 'base64url').toString()) as DocumentOf<'StudyPlan'>;
      const forged = await sign(
        'StudyPlan',
        { ...plan, membership: signed.digest, researcher: inventedName, title: inventedTitle },
        key,
      );
      tools.inject({ topic: 'federation', jws: forged.jws });
    },
  };
}
