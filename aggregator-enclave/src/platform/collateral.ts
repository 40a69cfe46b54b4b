// What vendors publish about the hardware, from a directory that the administrator keeps current: collectors open no connection. Either a mirror
// of `wardround collateral`, or plain files called after what they are. Nobody believes them: sites verify each.
import { lstat, readdir } from 'node:fs/promises';
import { basename, extname, join } from 'node:path';
import type { Bytes } from '@wardround/protocol/bytes';
import { toBase64Url } from '@wardround/protocol/bytes';
import { parseLimitedJson } from '@wardround/protocol/canonical-json';
import { describeError, WardroundError } from '@wardround/protocol/errors';
import { type Endorsement, endorsementSchema } from '@wardround/attestation/evidence';
import { indexLimits } from '@wardround/attestation/collateral/index-document';
import { keyName } from '@wardround/attestation/collateral/item-key';
import { readMirrorDirectory } from '@wardround/attestation/collateral/mirror-directory';
import { readMirror } from '@wardround/attestation/collateral/read-mirror';
import { genuineRoots } from '@wardround/attestation/collateral/verified-item';
import { readArmoured } from '@wardround/attestation/x509/pem';
import { type DeviceFiles, errnoOf } from './device-files.ts';
import type { Hardware } from './hardware.ts';

export type CollateralType = Endorsement['type'];

export interface Collateral {
  readonly endorsements: readonly Endorsement[];
  /** Files that are nothing known, by their path and why. They are not sent. */
  readonly unread: readonly { readonly path: string; readonly code: string }[];
}

const maxFiles = 512;
const maxDepth = 4;
const maxFileBytes = 1_048_576;
const jsonLimits = { maxBytes: maxFileBytes, maxDepth: 6 };

/** What a file is, by the end of its name. */
const readers: Readonly<Record<string, (bytes: Bytes, name: string) => readonly unknown[]>> = {
  '.crt': certificates,
  '.cer': certificates,
  '.der': certificates,
  '.pem': certificates,
  '.crl': (bytes) =>
    readArmoured([bytes], { label: 'X509 CRL', maxInputBytes: maxFileBytes, maxObjects: 8 }).map((der) => ({
      type: 'crl',
      der: toBase64Url(der),
    })),
  '.swidtag': manifest,
  '.rim': manifest,
  '.xml': manifest,
  '.ocsp': (bytes) => [{ type: 'ocsp', response: toBase64Url(bytes) }],
  '.json': (bytes) => [parseLimitedJson(bytes, jsonLimits)],
};

/**
 * Everything in the directory that is an endorsement; nothing where the directory is null.
 * @throws WardroundError `collateral-index`, `collateral-too-much`, `collateral-unreadable` where there is no such directory, or it holds more files than any collateral
 */
export async function readCollateral(
  { files, now }: Pick<Hardware, 'files' | 'now'>,
  directory: string | null,
): Promise<Collateral> {
  if (directory === null) return { endorsements: [], unread: [] };
  return (await hasIndex(files, join(directory, 'index.json')))
    ? await readMirrored(files, directory, now())
    : await readPlainFiles(files, directory);
}

async function hasIndex(files: DeviceFiles, path: string): Promise<boolean> {
  try {
    await files.read(path, indexLimits.maxBytes);
    return true;
  } catch (cause) {
    if (errnoOf(cause) === 'ENOENT') return false;
    throw unreadable(path, 'an index that this account may read', cause);
  }
}

/** What is spoiled or out of date stays behind, by name. */
async function readMirrored(files: DeviceFiles, directory: string, at: Date): Promise<Collateral> {
  const mirror = await readMirrorDirectory({
    where: directory,
    read: async (name, maxBytes) => await files.read(join(directory, name), maxBytes).catch(() => null),
  });
  const { endorsements, held, refused } = readMirror(mirror, { at, roots: genuineRoots });
  const outdated = held.filter(({ current }) => !current).map(({ item }) => ({ item, code: 'collateral-expired' }));
  return {
    endorsements,
    unread: [...refused, ...outdated].map(({ item, code }) => ({ path: keyName(item.key), code })),
  };
}

async function readPlainFiles(files: DeviceFiles, directory: string): Promise<Collateral> {
  const endorsements: Endorsement[] = [];
  const unread: { path: string; code: string }[] = [];
  for (const path of await list(directory)) {
    try {
      const bytes = await files.read(path, maxFileBytes);
      endorsements.push(...readFile(bytes, basename(path)));
    } catch (error) {
      unread.push({ path, code: describeError(error).code });
    }
  }
  return { endorsements: distinct(endorsements), unread };
}

/** Each once, in the order given. */
export function distinct(endorsements: readonly Endorsement[]): readonly Endorsement[] {
  return [...new Map(endorsements.map((endorsement) => [JSON.stringify(endorsement), endorsement])).values()];
}

function readFile(bytes: Bytes, name: string): readonly Endorsement[] {
  const reader = readers[extname(name).toLowerCase()];
  if (reader === undefined) throw new WardroundError('collateral-unknown', 'not the name of any collateral');
  return reader(bytes, name).map((value) => {
    const parsed = endorsementSchema.safeParse(value);
    if (parsed.success) return parsed.data;
    throw new WardroundError('collateral-unknown', 'not an endorsement', { where: name, cause: parsed.error });
  });
}

function certificates(bytes: Bytes): readonly unknown[] {
  const limits = { label: 'CERTIFICATE', maxInputBytes: maxFileBytes, maxObjects: 16 } as const;
  return readArmoured([bytes], limits).map((der) => ({ type: 'certificate', der: toBase64Url(der) }));
}

/** NVIDIA's manifests are called by their id: `NV_GPU_DRIVER_GH100_550.144.03.swidtag`. */
function manifest(bytes: Bytes, name: string): readonly unknown[] {
  const xml = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  return [{ type: 'rim', id: basename(name, extname(name)), xml }];
}

/** Regular files only: a link could lead anywhere. */
async function list(directory: string): Promise<readonly string[]> {
  const found: string[] = [];
  await walk(directory, 0);
  return found.toSorted();

  async function walk(path: string, depth: number): Promise<void> {
    const names = await readdir(path).catch((cause: unknown) => {
      throw unreadable(path, 'a directory that this account may read', cause);
    });
    for (const name of names.filter((entry) => !entry.startsWith('.'))) {
      const entry = join(path, name);
      const stat = await lstat(entry);
      if (stat.isDirectory() && depth < maxDepth) await walk(entry, depth + 1);
      else if (stat.isFile()) found.push(entry);
      if (found.length > maxFiles) throw unreadable(directory, `at most ${maxFiles} files`, undefined);
    }
  }
}

function unreadable(where: string, expected: string, cause: unknown): WardroundError {
  return new WardroundError('collateral-unreadable', 'the directory of collateral cannot be read', {
    where,
    expected,
    cause,
  });
}
