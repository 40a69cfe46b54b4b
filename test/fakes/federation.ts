// A whole small federation in memory: sites, a researcher and a releaser with their keys, a genesis that all founders signed.
import type { DocumentOf } from '@wardround/protocol/documents/registry';
import type { Genesis, Site } from '@wardround/protocol/documents/federation';
import { sign } from '@wardround/protocol/documents/signed';
import { type FederationView, foundFederation } from '@wardround/protocol/federation-view';
import { generateHpkeKey, type HpkePrivateKey } from '@wardround/protocol/hpke-keys';
import { generateSigningKey, type SigningKey } from '@wardround/protocol/keys';

export interface FakeSite {
  readonly name: string;
  readonly approval: SigningKey;
  readonly agent: SigningKey;
  readonly witness: SigningKey;
  readonly site: Site;
}

export interface FakeFederation {
  readonly sites: readonly FakeSite[];
  readonly researcher: { readonly name: string; readonly signing: SigningKey; readonly receiving: HpkePrivateKey };
  readonly releaser: { readonly name: string; readonly key: SigningKey };
  readonly genesis: Genesis;
  /** The genesis signed by each founder. */
  readonly records: readonly string[];
  readonly view: FederationView;
}

export function fakeSite(name: string): FakeSite {
  const [approval, agent, witness] = [generateSigningKey(), generateSigningKey(), generateSigningKey()];
  const keys = { approval: approval.publicKey, agent: agent.publicKey, witness: witness.publicKey };
  return { name, approval, agent, witness, site: { name, displayName: `Hospital ${name}`, keys } };
}

export async function fakeFederation(names: readonly string[], colludingSites = 0): Promise<FakeFederation> {
  const sites = names.toSorted().map((name) => fakeSite(name));
  const researcher = { name: 'dr.lind', signing: generateSigningKey(), receiving: await generateHpkeKey() };
  const releaser = { name: 'release-team', key: generateSigningKey() };
  const genesis: DocumentOf<'Genesis'> = {
    kind: 'Genesis',
    version: 1,
    federation: 'heart',
    createdAt: '2026-11-01T00:00:00.000Z',
    colludingSites,
    sites: sites.map((site) => site.site),
    researchers: [
      {
        name: researcher.name,
        displayName: 'Dr Lind',
        signing: researcher.signing.publicKey,
        receiving: researcher.receiving.publicKey,
      },
    ],
    releasers: [{ name: releaser.name, displayName: 'Release team', key: releaser.key.publicKey }],
    log: { mode: 'unwitnessed' },
  };
  const records = await Promise.all(sites.map(async (site) => (await sign('Genesis', genesis, site.approval)).jws));
  return { sites, researcher, releaser, genesis, records, view: await foundFederation(records) };
}
