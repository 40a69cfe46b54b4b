// A few named files out of a zip archive, in memory, each within its limit.
import { buffer } from 'node:stream/consumers';
import { type ZipFile, fromBufferPromise } from 'yauzl';
import { WardroundError } from '@wardround/protocol/errors';

const maxEntries = 10_000;

/**
 * @param wanted the largest size of each file by its base name
 * @returns those that the archive has; the first of several with one name
 * @throws WardroundError `zip-format`, `zip-too-large`
 */
export async function filesInZip(
  archive: Uint8Array,
  wanted: ReadonlyMap<string, number>,
): Promise<ReadonlyMap<string, Uint8Array>> {
  try {
    const zip = await fromBufferPromise(Buffer.from(archive), { lazyEntries: true });
    return await readEntries(zip, wanted);
  } catch (cause) {
    if (cause instanceof WardroundError) throw cause;
    throw new WardroundError('zip-format', 'not a zip archive that can be read', { cause });
  }
}

async function readEntries(zip: ZipFile, wanted: ReadonlyMap<string, number>): Promise<Map<string, Uint8Array>> {
  const found = new Map<string, Uint8Array>();
  let entries = 0;
  for await (const entry of zip.eachEntry()) {
    entries += 1;
    if (entries > maxEntries) throw tooLarge(`at most ${maxEntries} entries`);
    const name = entry.fileName.split('/').at(-1) ?? '';
    const maxBytes = wanted.get(name);
    if (maxBytes === undefined || found.has(name)) continue;
    // yauzl ends the stream with an error when the data are longer than the size that they state.
    if (entry.uncompressedSize > maxBytes) throw tooLarge(`${name} of at most ${maxBytes} bytes`);
    found.set(name, await buffer(await zip.openReadStreamPromise(entry)));
  }
  return found;
}

function tooLarge(expected: string): WardroundError {
  return new WardroundError('zip-too-large', 'the archive is larger than it may be', { expected });
}
