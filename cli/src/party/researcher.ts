// A researcher at work: keys, the coordinator, and the one federation that this researcher pinned by its fingerprint.
import { hasCode, WardroundError } from '@wardround/protocol/errors';
import { type FederationView, foundFederation } from '@wardround/protocol/federation-view';
import { type SigningKey, thumbprint } from '@wardround/protocol/keys';
import { UNVERIFIED_kindOf } from '@wardround/protocol/documents/signed';
import type { RelayConnection } from '@wardround/relay/connect';
import { proveWith } from '@wardround/relay/prove';
import { type FederationFile, readFederationFile, viewOfFile } from '../federation-file.ts';
import { readSigningKey } from './key-files.ts';
import { fingerprintOf, isFingerprint } from '@wardround/protocol/fingerprint';
import { recordsOf, withLink } from './link.ts';
import {
  openParty,
  type PartyDirectory,
  researcherDirectory,
  signingKeyPath,
  writeFederationFile,
} from './party-directory.ts';

export interface Researcher {
  readonly party: PartyDirectory;
  readonly key: SigningKey;
  readonly coordinator: string;
}

/** @throws WardroundError `party-*`, `key-*`, `researcher-not-joined` */
export async function openResearcher(dir: string | undefined): Promise<Researcher> {
  const party = await openParty(researcherDirectory(dir), 'researcher');
  if (party.coordinator === null) {
    throw new WardroundError('researcher-not-joined', 'this researcher has no coordinator yet', {
      where: party.path,
      expected: '`wardround researcher join` first',
    });
  }
  return { party, key: await readSigningKey(signingKeyPath(party.path)), coordinator: party.coordinator };
}

/** Connects as a researcher. @throws WardroundError as `withLink` */
export async function withResearcher<T>(
  { party, key, coordinator }: Researcher,
  use: (link: RelayConnection) => Promise<T>,
): Promise<T> {
  return await withLink({ coordinator, prove: proveWith({ role: 'researcher', name: party.name, key }) }, use);
}

/**
 * The federation as its records on the board make it, in which this researcher's key stands. The first time its fingerprint must be
 * given, heard from a hospital by telephone: a coordinator could otherwise show a federation that it invented. Then it is pinned.
 *
 * @throws WardroundError `federation-unconfirmed` (with the number to ask for), `federation-fingerprint`, `researcher-unknown`,
 * `genesis-*`, `membership-fork`
 */
export async function currentFederation(
  { party, key }: Researcher,
  link: RelayConnection,
  fingerprint: string | undefined,
): Promise<{ readonly view: FederationView; readonly file: FederationFile }> {
  const records = (await recordsOf(link, 'federation')).filter(isMembersRecord);
  const pinned = await readPinned(party.path);
  const federation = pinned?.federation ?? (await confirmed(records, fingerprint));
  const file = { federation, records: [...new Set([...(pinned?.records ?? []), ...records])] };
  const view = await viewOfFile(file);
  const own = view.researchers.find(({ name }) => name === party.name);
  if (own === undefined || thumbprint(own.signing) !== key.thumbprint) {
    throw new WardroundError('researcher-unknown', 'this federation does not name this researcher with this key', {
      got: party.name,
      expected: view.researchers.map(({ name }) => name).join(', '),
    });
  }
  await writeFederationFile(party.path, file);
  return { view, file };
}

async function confirmed(records: readonly string[], fingerprint: string | undefined): Promise<string> {
  const named =
    fingerprint === undefined
      ? undefined
      : records.map(digestOfGenesis).find((digest) => digest !== null && isFingerprint(fingerprint, digest));
  if (fingerprint !== undefined && (named === undefined || named === null)) {
    throw new WardroundError(
      'federation-fingerprint',
      'no federation on this board has the fingerprint that you heard',
      {
        got: fingerprint,
        action: 'stop',
      },
    );
  }
  const { federation } = await foundFederation(records, named ?? undefined);
  if (named !== undefined) return federation;
  throw new WardroundError(
    'federation-unconfirmed',
    'ask a hospital, by a telephone number that you already know, for the fingerprint of its federation (`wardround federation fingerprint`)',
    { expected: '--fingerprint "…", the first time', got: `the coordinator shows ${fingerprintOf(federation)}` },
  );
}

function digestOfGenesis(jws: string): string | null {
  const { kind, digest } = UNVERIFIED_kindOf(jws);
  return kind === 'Genesis' ? digest : null;
}

/** What founds and changes a federation, and what plans build on; whatever else a board serves is left there. */
function isMembersRecord(jws: string): boolean {
  try {
    return ['Genesis', 'Membership', 'EnclaveRelease', 'ReleaseRevocation'].includes(UNVERIFIED_kindOf(jws).kind);
  } catch {
    return false;
  }
}

async function readPinned(path: string): Promise<FederationFile | null> {
  try {
    return await readFederationFile(path);
  } catch (error) {
    if (hasCode(error, 'file-unreadable')) return null;
    throw error;
  }
}
