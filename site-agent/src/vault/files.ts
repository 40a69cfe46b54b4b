// The study's files in the vault: plan, snapshot choice, receiving key, integers, checkpoints, results. Each is durable when its write returns.
import { constants } from 'node:fs';
import { type FileHandle, mkdir, open, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod';
import { type Bytes, concatBytes, copyBytes } from '@wardround/protocol/bytes';
import { parseLimitedJson } from '@wardround/protocol/canonical-json';
import { sha256Schema } from '@wardround/protocol/documents/primitives';
import { WardroundError } from '@wardround/protocol/errors';
import { type HpkePrivateKey, importHpkeKey } from '@wardround/protocol/hpke-keys';
import { syncDirectory, writeDurably } from '../config/durable-file.ts';
import type { SitePaths } from '../config/site-paths.ts';

/** The frozen snapshot behind an approval's commitment. The digest and the salt never leave the site. */
export const snapshotChoiceSchema = z.strictObject({
  commitment: sha256Schema,
  digest: sha256Schema,
  salt: sha256Schema,
  /** Rows that fulfil the contract, and those of them that train. */
  rows: z.int().min(1),
  trainingRows: z.int().min(1),
  events: z.int().min(0),
  provenance: z.enum(['real', 'synthetic']),
});
export type SnapshotChoice = z.infer<typeof snapshotChoiceSchema>;

const choicesSchema = z.strictObject({
  kind: z.literal('SnapshotChoices'),
  version: z.literal(1),
  choices: z.array(snapshotChoiceSchema).max(1000),
});

const figure = z.number().nullable();
const measured = z
  .strictObject({ value: z.number(), interval: z.strictObject({ low: z.number(), high: z.number() }).nullable() })
  .nullable();

/** What a site keeps to itself after the last round, and what its person needs to consent to the model's release. */
export const resultsSchema = z.strictObject({
  study: sha256Schema,
  receipt: sha256Schema,
  model: sha256Schema,
  /** Of training; so is `roundsContributed`. */
  rounds: z.int(),
  patients: z.int(),
  testPatients: z.int(),
  provenance: z.enum(['real', 'synthetic']),
  localAccuracy: figure,
  federatedAccuracy: figure,
  localAuroc: figure,
  federatedAuroc: figure,
  metrics: z
    .array(z.strictObject({ metric: z.string(), federated: measured, local: measured }))
    .readonly()
    .optional(),
  roundsContributed: z.int(),
  backend: z.string(),
});
export type Results = z.infer<typeof resultsSchema>;

const pieceLength = 1024 * 1024;

export class VaultFiles {
  readonly #paths: SitePaths;

  constructor(paths: SitePaths) {
    this.#paths = paths;
  }

  studyDirectory(study: string): string {
    return join(this.#paths.studies, study);
  }

  async writePlan(study: string, jws: string): Promise<void> {
    const directory = this.studyDirectory(study);
    for (const part of [directory, join(directory, 'payloads'), join(directory, 'checkpoints')]) {
      await mkdir(part, { recursive: true, mode: 0o700 });
    }
    await syncDirectory(this.#paths.studies);
    await writeDurably(join(directory, 'plan.jws'), jws);
  }

  async readPlan(study: string): Promise<string | null> {
    return (await readOrNull(join(this.studyDirectory(study), 'plan.jws')))?.toString('utf8') ?? null;
  }

  /** @throws WardroundError `snapshot-choice` where the file is damaged */
  async readChoices(study: string): Promise<readonly SnapshotChoice[]> {
    const path = join(this.studyDirectory(study), 'snapshot.json');
    const bytes = await readOrNull(path);
    if (bytes === null) return [];
    const parsed = choicesSchema.safeParse(parseLimitedJson(bytes));
    if (!parsed.success) throw new WardroundError('snapshot-choice', 'damaged', { where: path, action: 'stop' });
    return parsed.data.choices;
  }

  async writeChoices(study: string, choices: readonly SnapshotChoice[]): Promise<void> {
    const value = { kind: 'SnapshotChoices', version: 1, choices };
    await writeDurably(join(this.studyDirectory(study), 'snapshot.json'), `${JSON.stringify(value)}\n`);
  }

  snapshotPath(digest: string): string {
    return join(this.#paths.snapshots, `${digest}.arrow`);
  }

  async writeReceivingKey(study: string, key: HpkePrivateKey): Promise<void> {
    await writeDurably(this.#receivingKeyPath(study), `${JSON.stringify(await key.exportSecret())}\n`, { mode: 0o600 });
  }

  /** Null before a person approved. @throws WardroundError `key-file-mode`, `key-invalid` */
  async readReceivingKey(study: string): Promise<HpkePrivateKey | null> {
    const path = this.#receivingKeyPath(study);
    const file = await openOrNull(path);
    if (file === null) return null;
    try {
      const { mode } = await file.stat();
      if ((mode & 0o077) !== 0) {
        throw new WardroundError('key-file-mode', 'others can read the receiving key', {
          where: path,
          expected: 'mode 0600: chmod 600',
          got: (mode & 0o777).toString(8),
        });
      }
      return await importHpkeKey(parseLimitedJson(await file.readFile(), { maxBytes: 16 * 1024, maxDepth: 3 }));
    } finally {
      await file.close();
    }
  }

  /** A payload's bytes, padded, as they are sealed. */
  async writePayload(study: string, name: PayloadName, pieces: Iterable<Uint8Array>): Promise<void> {
    await writeDurably(this.#payloadPath(study, name), concatBytes(...pieces));
  }

  /** The same bytes again, in pieces. @throws WardroundError `payload-missing` */
  async *readPayload(study: string, name: PayloadName): AsyncGenerator<Uint8Array> {
    const path = this.#payloadPath(study, name);
    const file = await openOrNull(path);
    if (file === null)
      throw new WardroundError('payload-missing', 'the integers of this attempt are gone', {
        where: path,
        action: 'stop',
      });
    try {
      for (;;) {
        const piece = new Uint8Array(pieceLength);
        const { bytesRead } = await file.read(piece, 0, pieceLength);
        if (bytesRead === 0) return;
        yield piece.subarray(0, bytesRead);
      }
    } finally {
      await file.close();
    }
  }

  /** What this site keeps for itself if the payload of that name is counted. */
  async writeKept(study: string, name: PayloadName, bytes: Uint8Array): Promise<void> {
    await writeDurably(this.#keptPath(study, name), bytes);
  }

  async readKept(study: string, name: PayloadName): Promise<Bytes | null> {
    const bytes = await readOrNull(this.#keptPath(study, name));
    return bytes === null ? null : copyBytes(bytes);
  }

  /** Everything under `payloads/` goes that neither rule needs, what a killed process left half-written too. */
  async removePayloadFiles(study: string, { isPayloadNeeded, isKeptNeeded }: NeededFiles): Promise<void> {
    const directory = join(this.studyDirectory(study), 'payloads');
    for (const file of await readdir(directory)) {
      const [, round, attempt, ending] = /^(\d+)-(\d+)\.(bin|kept)$/.exec(file) ?? [];
      const isNeeded = ending === 'bin' ? isPayloadNeeded : ending === 'kept' ? isKeptNeeded : null;
      if (isNeeded?.({ round: Number(round), attempt: Number(attempt) }) === true) continue;
      await rm(join(directory, file), { force: true });
    }
  }

  async writeCheckpoint(study: string, round: number, bytes: Uint8Array): Promise<void> {
    await writeDurably(this.#checkpointPath(study, round), bytes);
  }

  async readCheckpoint(study: string, round: number): Promise<Bytes | null> {
    const bytes = await readOrNull(this.#checkpointPath(study, round));
    return bytes === null ? null : copyBytes(bytes);
  }

  async removeCheckpoint(study: string, round: number): Promise<void> {
    await rm(this.#checkpointPath(study, round), { force: true });
  }

  async writeResults(study: string, results: Results): Promise<void> {
    await writeDurably(join(this.studyDirectory(study), 'results.json'), `${JSON.stringify(results, null, 2)}\n`);
  }

  async readResults(study: string): Promise<Results | null> {
    const bytes = await readOrNull(join(this.studyDirectory(study), 'results.json'));
    return bytes === null ? null : resultsSchema.parse(JSON.parse(bytes.toString('utf8')));
  }

  /** The signed memberships that this site applied, for the commands that a person types. */
  async writeMemberships(records: readonly string[]): Promise<void> {
    await writeDurably(join(this.#paths.federation, 'memberships.json'), `${JSON.stringify(records)}\n`);
  }

  async readMemberships(): Promise<readonly string[]> {
    const bytes = await readOrNull(join(this.#paths.federation, 'memberships.json'));
    return bytes === null ? [] : z.array(z.string()).parse(JSON.parse(bytes.toString('utf8')));
  }

  #receivingKeyPath(study: string): string {
    return join(this.studyDirectory(study), 'receiving-key.json');
  }

  #payloadPath(study: string, { round, attempt }: PayloadName): string {
    return join(this.studyDirectory(study), 'payloads', `${round}-${attempt}.bin`);
  }

  #keptPath(study: string, { round, attempt }: PayloadName): string {
    return join(this.studyDirectory(study), 'payloads', `${round}-${attempt}.kept`);
  }

  #checkpointPath(study: string, round: number): string {
    return join(this.studyDirectory(study), 'checkpoints', `${round}.safetensors`);
  }
}

export interface NeededFiles {
  readonly isPayloadNeeded: (name: PayloadName) => boolean;
  readonly isKeptNeeded: (name: PayloadName) => boolean;
}

export interface PayloadName {
  readonly round: number;
  readonly attempt: number;
}

async function readOrNull(path: string): Promise<Buffer | null> {
  return await readFile(path).catch(absent);
}

async function openOrNull(path: string): Promise<FileHandle | null> {
  return await open(path, constants.O_RDONLY | constants.O_NOFOLLOW).catch(absent);
}

function absent(error: unknown): null {
  if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null;
  throw error;
}
