// Attacks by whoever holds the board and the blobs: strangers, altered plans, changed ciphertext.
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { sign } from '@wardround/protocol/documents/signed';
import { generateSigningKey } from '@wardround/protocol/keys';
import { parseManifest } from '@wardround/protocol/manifest';
import { proveWith } from '@wardround/relay/prove';
import { readSigningKey } from '../../party/key-files.ts';
import { withLink } from '../../party/link.ts';
import { signingKeyPath } from '../../party/party-directory.ts';
import { verifyPlan } from '../../study/find-study.ts';
import { errorCode } from '../crew.ts';
import { researcherName } from '../demo-plan.ts';
import { siteDir } from '../founding.ts';
import { readStudies } from '../site-files.ts';
import { type Attack, outcome } from './attack.ts';

/** A hospital that nobody admitted connects; and, had the coordinator let it in, contributes. */
export const strangerJoins: Attack = async ({ founded, records }) => {
  const key = generateSigningKey();
  const prove = proveWith({ role: 'site', name: 'mallory', key });
  const connected = await outcome(
    async () => await withLink({ coordinator: founded.coordinator, prove, proxyUrl: null }, nothing),
  );
  const [original] = records.of('Contribution');
  const counted = await outcome(async () => {
    if (original === undefined) return;
    await records.add((await sign('Contribution', { ...original.value, site: 'mallory' }, key)).jws);
  });
  return {
    attack: 'an unknown hospital joins the study',
    got: `${connected.got} at the coordinator, ${counted.got} at everybody else`,
    refused: connected.refused && counted.refused,
  };
};

const nothing = async (): Promise<void> => await Promise.resolve();

/** Everybody is shown the plan that the hospitals approved, with more rounds. The board takes it: it decides nothing. */
export const planAltered: Attack = async ({ founded, directory, records, hospitals }) => {
  const altered = rewritten(records.plan.jws, (text) => text.replace(/"rounds":\d+/, '"rounds":99'));
  const key = await readSigningKey(signingKeyPath(join(directory, 'researcher')));
  const prove = proveWith({ role: 'researcher', name: researcherName, key });
  await withLink(
    { coordinator: founded.coordinator, prove, proxyUrl: null },
    async ({ board }) => await board.publish('federation', altered),
  );
  const judged = await outcome(async () => await verifyPlan(altered, records.federation));
  const studies = await Promise.all(hospitals.map(async (hospital) => await readStudies(siteDir(directory, hospital))));
  const considered = studies.filter((list) => list.length > 1).length;
  return {
    attack: 'the plan is altered after the approvals',
    got: `${judged.got}; put before people in ${considered} of ${hospitals.length} hospitals`,
    refused: judged.refused && considered === 0,
  };
};

/** A signed record with other content under the same signature. */
export function rewritten(jws: string, change: (payload: string) => string): string {
  const [header = '', payload = '', signature = ''] = jws.split('.');
  const text = change(Buffer.from(payload, 'base64url').toString());
  return [header, Buffer.from(text).toString('base64url'), signature].join('.');
}

/** The coordinator changes one bit of the released model that it stores, and the researcher asks for it. */
export const chunkFlipped: Attack = async ({ directory, crew, ran, records }) => {
  const attack = 'the coordinator flips one bit of a stored ciphertext';
  const ciphertext = records.of('ModelRelease')[0]?.value.ciphertext;
  const path = ciphertext === undefined ? null : await findChunk(join(directory, 'coordinator'), ciphertext.manifest);
  if (ciphertext === undefined || path === null)
    return { attack, got: 'no stored ciphertext was found', refused: false };
  const original = await readFile(path);
  const flipped = Buffer.from(original);
  flipped[0] = (flipped[0] ?? 0) ^ 1;
  await writeFile(path, flipped);
  const words = ['study', 'model', ran.study, '--dir', 'researcher', '--out', 'attacks/model'];
  const { status, document } = await crew.attempt(words);
  await writeFile(path, original);
  const served = await outcome(async () => await Promise.resolve(parseManifest(flipped, ciphertext)));
  return {
    attack,
    got: `${errorCode(document) ?? `status ${status}`}; and had it been served as it is, ${served.got}`,
    refused: status !== 0 && served.refused,
  };
};

/** The file of a stored chunk, wherever the coordinator keeps it. */
async function findChunk(directory: string, digest: string): Promise<string | null> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  const found = entries.find((entry) => entry.isFile() && entry.name.startsWith(digest));
  return found === undefined ? null : join(found.parentPath, found.name);
}
