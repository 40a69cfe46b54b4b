// Where our own code lies: what a confined process may read so that it can run at all, and nothing beside it.
import { join } from 'node:path';

/** The directory that holds the rooms and node_modules. */
export const programRoot = join(import.meta.dirname, '..', '..', '..');

const vaultRooms = ['protocol', 'attestation', 'privacy', 'learning', 'datasets', 'site-agent'];
const courierRooms = ['protocol', 'relay', 'site-agent'];
const importerRooms = ['protocol', 'datasets', 'site-agent'];

function codeOf(rooms: readonly string[]): readonly string[] {
  return ['node_modules', 'package.json', ...rooms].map((name) => join(programRoot, name));
}

/** No relay: the vault has no use for code that connects. */
export const vaultCode = codeOf(vaultRooms);
export const courierCode = codeOf(courierRooms);
export const importerCode = codeOf(importerRooms);

export const vaultMain = join(programRoot, 'site-agent', 'src', 'vault', 'main.ts');
export const courierMain = join(programRoot, 'site-agent', 'src', 'courier', 'main.ts');
export const importerMain = join(programRoot, 'site-agent', 'src', 'importer', 'main.ts');
