// The certificates that an SEV-SNP host lends its guest: a table of GUIDs, offsets and lengths, then the blobs (AMD 56421, GHCB Standardization,
// "SNP Extended Guest Request"; AMD 56860, table of certificate GUIDs). The host is hostile: nothing is taken by a length before it is checked, and
// what comes out needs no trust, because a chain counts only if it ends in a pinned root.
import type { Bytes } from '@wardround/protocol/bytes';
import { copyBytes, toHex } from '@wardround/protocol/bytes';
import { WardroundError } from '@wardround/protocol/errors';
import type { Endorsement } from '@wardround/attestation/evidence';
import { toBase64Url } from '@wardround/protocol/bytes';
import { readArmoured } from '@wardround/attestation/x509/pem';

/** Each entry: GUID (16 bytes, in the order in which it is written), offset and length (32 bits each, little-endian). */
const entryBytes = 24;
const maxEntries = 32;
const guids: ReadonlyMap<string, 'certificate' | 'crl'> = new Map([
  ['c0b406a4a803495297433fb6014cd0ae', 'certificate'], // ARK
  ['4ab7b379bbac4fe4a02f05aef327c782', 'certificate'], // ASK, ASVK
  ['63da758de6644564adc5f4b93be8accd', 'certificate'], // VCEK
  ['a8074bc2a25a483eaae639c045a0b8a1', 'certificate'], // VLEK
  ['92f81bc358114d3d97ffd19f88dc67ea', 'crl'], // CRL
]);

interface Entry {
  readonly guid: string;
  readonly blob: Bytes;
}

/**
 * What the table holds, in its order. An empty table is a host that lends none. A GUID that is not AMD's is passed over: hosts may add their own.
 * @throws WardroundError `snp-table-truncated`, `snp-table-bounds`, `snp-table-overlap`, `snp-table-duplicate`, `pem-malformed`, `pem-too-large`
 */
export function parseSnpCertificateTable(table: Uint8Array): readonly Endorsement[] {
  return readEntries(table).flatMap(({ guid, blob }) => endorsementsOf(guids.get(guid), blob));
}

function endorsementsOf(kind: 'certificate' | 'crl' | undefined, blob: Bytes): readonly Endorsement[] {
  if (kind === undefined) return [];
  const label = kind === 'certificate' ? 'CERTIFICATE' : 'X509 CRL';
  const ders = readArmoured([blob], { label, maxInputBytes: 196_608, maxObjects: 8 });
  return ders.map((der) => ({ type: kind, der: toBase64Url(der) }));
}

function readEntries(table: Uint8Array): readonly Entry[] {
  if (table.byteLength === 0) return [];
  const header = readHeader(table);
  const headerEnd = (header.length + 1) * entryBytes;
  const taken: { readonly start: number; readonly end: number }[] = [];
  const seen = new Set<string>();
  return header.map(({ guid, offset, length }) => {
    const range = { start: offset, end: offset + length };
    if (length === 0 || offset < headerEnd || range.end > table.byteLength) {
      throw refused('snp-table-bounds', `within ${headerEnd} to ${table.byteLength}`, `${range.start} to ${range.end}`);
    }
    if (taken.some(({ start, end }) => range.start < end && start < range.end)) {
      throw refused('snp-table-overlap', 'each blob for itself', `${range.start} to ${range.end}`);
    }
    if (seen.has(guid)) throw refused('snp-table-duplicate', 'each GUID once', guid);
    seen.add(guid);
    taken.push(range);
    return { guid, blob: copyBytes(table.subarray(range.start, range.end)) };
  });
}

function readHeader(table: Uint8Array): { guid: string; offset: number; length: number }[] {
  const view = new DataView(table.buffer, table.byteOffset, table.byteLength);
  const entries: { guid: string; offset: number; length: number }[] = [];
  for (let at = 0; ; at += entryBytes) {
    if (at + entryBytes > table.byteLength || entries.length > maxEntries) {
      throw refused('snp-table-truncated', 'a table that ends with an entry of zeros', `${table.byteLength} bytes`);
    }
    const guid = toHex(table.subarray(at, at + 16));
    const offset = view.getUint32(at + 16, true);
    const length = view.getUint32(at + 20, true);
    if (/^0+$/.test(guid) && offset === 0 && length === 0) return entries;
    entries.push({ guid, offset, length });
  }
}

function refused(code: string, expected: string, got: string): WardroundError {
  return new WardroundError(code, 'the certificates that the host lends cannot be read', {
    where: 'auxblob',
    expected,
    got,
    action: 'stop',
  });
}
