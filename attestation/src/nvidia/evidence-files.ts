// The forms in which tools write NVIDIA evidence to files: the report as bytes or as hex, or a JSON list of devices as NVIDIA's attestation
// SDK serialises it. What such a list says of nonces and versions is not believed: the report says it, signed.
import * as z from 'zod';
import { parseLimitedJson } from '@wardround/protocol/canonical-json';
import { WardroundError } from '@wardround/protocol/errors';
import type { Bytes } from '@wardround/protocol/bytes';
import { copyBytes } from '@wardround/protocol/bytes';
import type { NvidiaKind } from './device.ts';
import type { PresentedDevice } from './inspect.ts';

const maxTextBytes = 1_000_000;
const maxDevices = 32;
const base64 = z.string().min(1).max(65_536);

const listSchema = z
  .array(z.looseObject({ arch: z.string().max(32), evidence: base64, certificate: base64 }))
  .min(1)
  .max(maxDevices);

const kinds: ReadonlyMap<string, NvidiaKind> = new Map([
  ['HOPPER', 'gpu'],
  ['BLACKWELL', 'gpu'],
  ['LS10', 'switch'],
]);

/** Whether a file is a JSON list of devices rather than one report: a report begins with 0x11, its hex with a 1. */
export function isEvidenceList(file: Uint8Array): boolean {
  return /^[ \t\r\n]*\[/.test(Buffer.from(file.subarray(0, 64)).toString('latin1'));
}

/** A report's bytes, or their hex with white space around it. @throws WardroundError `nvidia-file` */
export function readReportFile(file: Uint8Array): Bytes {
  if (file[0] === 0x11) return copyBytes(file);
  if (file.byteLength > maxTextBytes) throw wrong('a report of at most 8 KiB', `${file.byteLength} bytes`);
  const text = Buffer.from(file).toString('latin1').trim();
  if (!/^(?:[0-9a-fA-F]{2})+$/.test(text)) throw wrong('a report, or its hex', 'something else');
  return copyBytes(Buffer.from(text, 'hex'));
}

/** @throws WardroundError `nvidia-file`, and those of `parseLimitedJson` */
export function readEvidenceList(file: Uint8Array): readonly PresentedDevice[] {
  const parsed = listSchema.safeParse(
    parseLimitedJson(file, { maxBytes: maxTextBytes, maxDepth: 6, maxValues: 2_000 }),
  );
  if (!parsed.success) throw wrong('a list of devices with arch, evidence and certificate', parsed.error.message);
  return parsed.data.map(({ arch, evidence, certificate }) => {
    const kind = kinds.get(arch);
    if (kind === undefined) throw wrong([...kinds.keys()].join(', '), arch);
    return { kind, report: fromBase64(evidence), certificates: [fromBase64(certificate)] };
  });
}

function fromBase64(text: string): Bytes {
  const bytes = Buffer.from(text, 'base64');
  if (bytes.toString('base64') !== text) throw wrong('canonical base64', 'something else');
  return copyBytes(bytes);
}

function wrong(expected: string, got: string): WardroundError {
  return new WardroundError('nvidia-file', 'not a file of NVIDIA evidence', { expected, got });
}
