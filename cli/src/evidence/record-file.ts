// Records of appraisals as files: canonical JSON, whole or not at all, and never over another.
import { readFileSync } from 'node:fs';
import { open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod';
import { canonicalJson } from '@wardround/protocol/canonical-json';
import { WardroundError } from '@wardround/protocol/errors';
import type { AppraisalRecord } from '@wardround/attestation/appraisal-record';
import { parseAppraisalRecord, recordLimits } from '@wardround/attestation/appraisal-record';

const manifest = z
  .object({ version: z.string() })
  .parse(JSON.parse(readFileSync(join(import.meta.dirname, '../../package.json'), 'utf8')));

/** Which program judges. */
export const programVersion = `wardround ${manifest.version}`;

/** @throws WardroundError `file-unwritable` */
export async function saveRecord(path: string, record: AppraisalRecord): Promise<void> {
  try {
    const file = await open(path, 'wx', 0o644);
    try {
      await file.writeFile(canonicalJson(record));
      await file.sync();
    } finally {
      await file.close();
    }
  } catch (cause) {
    throw new WardroundError('file-unwritable', 'this file cannot be written; nothing is overwritten', {
      where: path,
      cause,
    });
  }
}

/** @throws WardroundError `file-unreadable`, `file-too-large`, `appraisal-record-invalid`, and those of strict JSON */
export async function readRecord(path: string): Promise<AppraisalRecord> {
  const bytes = await readFile(path).catch((cause: unknown) => {
    throw new WardroundError('file-unreadable', 'this file cannot be read', { where: path, cause });
  });
  if (bytes.byteLength <= recordLimits.maxBytes) return parseAppraisalRecord(bytes);
  throw new WardroundError('file-too-large', 'larger than any record', {
    where: path,
    expected: `at most ${recordLimits.maxBytes} bytes`,
  });
}
