// A founded board and many small true records for it, for tests of coordinator and relay.
import type { DocumentOf } from '@wardround/protocol/documents/registry';
import { sign } from '@wardround/protocol/documents/signed';
import type { Board, BoardRecord, Topic } from '@wardround/protocol/relay-port';
import { connectRelay, type ConnectOptions, type RelayConnection } from '@wardround/relay/connect';
import { proveWith } from '@wardround/relay/prove';
import type { CoordinatorDirectory, CoordinatorProcess } from './coordinator-process.ts';
import { fakeFederation, type FakeFederation, type FakeSite } from './federation.ts';
import { signedPlan } from './plan.ts';

export interface Founded {
  readonly federation: FakeFederation;
  readonly plan: { readonly digest: string; readonly jws: string };
}

/** Keys and signed records of four sites and one study; nothing published yet. */
export async function makeFounded(): Promise<Founded> {
  const federation = await fakeFederation(['a', 'b', 'c', 'd'], 1);
  const { digest, jws } = await signedPlan(federation);
  return { federation, plan: { digest, jws } };
}

export function siteOf({ federation }: Founded, index = 0): FakeSite {
  const site = federation.sites[index];
  if (site === undefined) throw new Error('no such site');
  return site;
}

/** Connects a site with its agent key, and with the invitation where `invitedTo` names a directory. */
export async function connectSite(
  { url }: Pick<CoordinatorProcess, 'url'>,
  { site, invitedTo, ...options }: { site: FakeSite; invitedTo?: CoordinatorDirectory } & Partial<ConnectOptions>,
): Promise<RelayConnection> {
  const prove = proveWith({ role: 'site', name: site.name, key: site.agent, token: invitedTo?.invitation });
  return await connectRelay({ url, prove, proxyUrl: null, ...options });
}

/** What makes a board usable: the signed geneses and the study's plan. */
export async function found(board: Board, { federation, plan }: Founded): Promise<void> {
  for (const jws of federation.records) await board.publish('federation', jws);
  await board.publish('federation', plan.jws);
}

/** A site's status, different for each number. */
export async function statusRecord(
  founded: Founded,
  { index, site }: { index: number; site: FakeSite },
): Promise<string> {
  const value: DocumentOf<'SiteStatus'> = {
    kind: 'SiteStatus',
    version: 1,
    federation: founded.federation.view.federation,
    study: founded.plan.digest,
    site: site.name,
    session: null,
    round: index + 1,
    attempt: null,
    code: 'not-taking-part',
    check: null,
    statedAt: '2026-11-03T00:00:00.000Z',
  };
  return (await sign('SiteStatus', value, site.agent)).jws;
}

/** The first `count` records that a follower is given. */
export async function take(
  board: Board,
  { topic, count, after = 0 }: { topic: Topic; count: number; after?: number },
): Promise<readonly BoardRecord[]> {
  const stop = new AbortController();
  const got: BoardRecord[] = [];
  for await (const record of board.follow(topic, { after, signal: stop.signal })) {
    got.push(record);
    if (got.length === count) break;
  }
  stop.abort();
  return got;
}

/** All that is there now. */
export async function all(records: AsyncIterable<BoardRecord>): Promise<readonly BoardRecord[]> {
  const got: BoardRecord[] = [];
  for await (const record of records) got.push(record);
  return got;
}
