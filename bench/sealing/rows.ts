// Every row of the table: what is measured, and which row is its physical limit.
import { addFloat64, copyMemory, decryptRaw, encryptRaw, hashRaw, type Load } from './limits.ts';
import { accumulateOnly, openOnly, sealOnly, takeIn } from './ours.ts';
import type { Pass } from './stopwatch.ts';

export interface Row {
  readonly id: string;
  readonly title: string;
  /** The rows with the physical work that this one cannot do without, one after the other; none for a limit itself. */
  readonly limits: readonly string[];
  /** Makes what every pass needs. */
  readonly prepare: (load: Load) => Pass;
}

export const rows: readonly Row[] = [
  { id: 'encrypt', title: 'AES-256-GCM encrypt, 1 MiB chunks', limits: [], prepare: encryptRaw },
  { id: 'seal', title: 'sealed stream: seal', limits: ['encrypt'], prepare: sealOnly },
  { id: 'decrypt', title: 'AES-256-GCM decrypt, 1 MiB chunks', limits: [], prepare: decryptRaw },
  { id: 'open', title: 'sealed stream: open', limits: ['decrypt'], prepare: openOnly },
  { id: 'hash', title: 'SHA-256', limits: [], prepare: hashRaw },
  { id: 'copy', title: 'copy of memory, 8 bytes for each 4', limits: [], prepare: copyMemory },
  { id: 'float64', title: 'float64 sums += weight × int32, JavaScript', limits: [], prepare: addFloat64 },
  { id: 'accumulate', title: 'exact int64 sums += weight × int32, enclave', limits: ['copy'], prepare: accumulateOnly },
  {
    id: 'takeIn',
    title: 'enclave, whole: open, digest, norm, add',
    limits: ['decrypt', 'hash', 'copy'],
    prepare: takeIn,
  },
];
