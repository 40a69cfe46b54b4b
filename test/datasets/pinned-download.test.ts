// Pinned public files: from a folder, from an archive, one by one; never anything but the pinned bytes.
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { type Server, createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { crc32, deflateRawSync } from 'node:zlib';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { hospitals } from '@wardround/datasets/heart-disease/hospitals';
import { fetchUciHeartDisease, parseProcessedFile, readUciHeartDisease } from '@wardround/datasets/heart-disease/uci';
import { type PinnedSet, downloadPinned, readPinned, writePinned } from '@wardround/datasets/pinned-download';
import { sha256, toHex, utf8 } from '@wardround/protocol/bytes';
import { hasShared, sharedPath } from './shared-data.ts';

const contents = { 'a.data': utf8('1,2,3\n'), 'b.data': utf8('4,5,6\n'.repeat(100)) } as const;
const folder = (): string => mkdtempSync(join(tmpdir(), 'wardround-pinned-'));

describe('over the network', () => {
  const responses = new Map<string, Uint8Array>();
  let server: Server;
  let base: string;
  beforeAll(async () => {
    server = createServer((request, response) => {
      const body = responses.get(request.url ?? '');
      response.writeHead(body === undefined ? 404 : 200).end(body);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    base = `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`;
  });
  afterAll(() => server.close());
  beforeEach(() => responses.clear());

  const setOf = (overrides: Partial<PinnedSet> = {}): PinnedSet => ({
    archives: [`${base}/all.zip`],
    maxArchiveBytes: 100_000,
    files: Object.entries(contents).map(([name, bytes]) => ({
      name,
      sha256: toHex(sha256(bytes)),
      maxBytes: 1000,
      urls: [`${base}/mirror/${name}`, `${base}/${name}`],
    })),
    ...overrides,
  });
  const expectAll = async (set: PinnedSet): Promise<void> => {
    const files = await downloadPinned(set);
    expect(Object.fromEntries([...files].map(([name, bytes]) => [name, Uint8Array.from(bytes)]))).toEqual(contents);
  };

  it.each([true, false])('takes them from an archive, deflated: %s', async (deflated) => {
    responses.set(
      '/all.zip',
      zip({ readme: utf8('x'), 'heart/a.data': contents['a.data'], 'b.data': contents['b.data'] }, deflated),
    );
    await expectAll(setOf());
  });

  it.each([
    ['the archive is not there', undefined],
    ['the archive is no archive', utf8('<html>')],
    ['the archive lacks a file', zip({ 'a.data': contents['a.data'] }, true)],
    [
      'the archive is damaged',
      zip({ 'a.data': contents['a.data'], 'b.data': contents['b.data'] }, true).map((byte, i) =>
        i === 40 ? byte ^ 1 : byte,
      ),
    ],
    ['the archive has other files', zip({ 'a.data': utf8('x'), 'b.data': contents['b.data'] }, true)],
    ['a file in the archive is too large', zip({ 'a.data': contents['a.data'], 'b.data': new Uint8Array(1001) }, true)],
    ['the archive is too large', zip({ 'a.data': contents['a.data'], 'b.data': new Uint8Array(200_000) }, false)],
  ])('falls back to single files where %s', async (_, archive) => {
    if (archive !== undefined) responses.set('/all.zip', archive);
    for (const [name, bytes] of Object.entries(contents)) responses.set(`/${name}`, bytes);
    await expectAll(setOf());
  });

  it('says that nothing could be reached, and what to do', async () => {
    await expect(downloadPinned(setOf())).rejects.toMatchObject({
      code: 'data-download',
      action: 'retry',
      message: expect.stringContaining('WARDROUND_DATA_DIR'),
    });
    await expect(downloadPinned(setOf({ archives: ['http://127.0.0.1:1/x.zip'] }))).rejects.toMatchObject({
      code: 'data-download',
    });
  });

  it('says that what came is not what was pinned', async () => {
    responses.set('/a.data', utf8('1,2,4\n'));
    responses.set('/b.data', contents['b.data']);
    await expect(downloadPinned(setOf())).rejects.toMatchObject({ code: 'data-digest', action: 'stop' });
  });

  it('reads no more than a file may be', async () => {
    responses.set('/a.data', new Uint8Array(1001));
    await expect(downloadPinned(setOf())).rejects.toMatchObject({ code: 'data-download' });
  });
});

describe('in a folder', () => {
  const set: PinnedSet = {
    archives: [],
    maxArchiveBytes: 0,
    files: Object.entries(contents).map(([name, bytes]) => ({
      name,
      sha256: toHex(sha256(bytes)),
      maxBytes: 1000,
      urls: [],
    })),
  };

  it('reads what it wrote, and leaves nothing else', async () => {
    const directory = join(folder(), 'new');
    await writePinned(new Map(Object.entries(contents)), directory);
    expect(readdirSync(directory)).toEqual(['a.data', 'b.data']);
    expect([...((await readPinned(set, [directory])) ?? [])]).toHaveLength(2);
  });

  it('is null where no file is there, and an error where some are', async () => {
    const directory = folder();
    expect(await readPinned(set, [directory, join(directory, 'none')])).toBeNull();
    writeFileSync(join(directory, 'a.data'), contents['a.data']);
    await expect(readPinned(set, [directory])).rejects.toMatchObject({ code: 'data-incomplete', expected: 'b.data' });
    writeFileSync(join(directory, 'b.data'), 'other');
    await expect(readPinned(set, [directory])).rejects.toMatchObject({ code: 'data-digest' });
  });

  it('says what cannot be read', async () => {
    const directory = folder();
    mkdirSync(join(directory, 'a.data'));
    await expect(readPinned(set, [directory])).rejects.toMatchObject({ code: 'data-unreadable' });
  });
});

describe('parseProcessedFile', () => {
  const line = '63.0,1,1,145,233,1,2,150,0,.7,3,0,6,0';
  it('reads decimals and question marks', () => {
    const table = parseProcessedFile(`${line}\r\n${line.replace('145', '?')}\n\n`);
    expect(table.rows).toBe(2);
    expect(table.columns.map(({ name, values }) => [name, values]).slice(3, 5)).toEqual([
      ['trestbps', [145, null]],
      ['chol', [233, 233]],
    ]);
  });
  it.each([
    ['a cell too few', line.slice(0, -2)],
    ['a cell too many', `${line},1`],
    ['a text', line.replace('233', 'abc')],
    ['an empty cell', line.replace('233', '')],
  ])('refuses %s', (_, wrong) => {
    expect(() => parseProcessedFile(`${line}\n${wrong}`)).toThrow(
      expect.objectContaining({ code: 'heart-disease-format', where: 'line 2' }),
    );
  });
});

describe.skipIf(!hasShared('uci-heart-disease'))('UCI heart disease', () => {
  it.each([
    ['the folder above', sharedPath()],
    ['the folder itself', sharedPath('uci-heart-disease')],
  ])('is copied from WARDROUND_DATA_DIR: %s', async (_, given) => {
    const directory = join(folder(), 'data');
    const env = { WARDROUND_DATA_DIR: given };
    expect(await fetchUciHeartDisease({ directory, env })).toMatchObject({ origin: 'dataDirectory', directory });
    expect(await fetchUciHeartDisease({ directory, env: {} })).toMatchObject({ origin: 'alreadyThere' });
    for (const hospital of hospitals) expect((await readUciHeartDisease(hospital, directory)).provenance).toBe('real');
  });

  it('is refused with one byte changed', async () => {
    const directory = join(folder(), 'data');
    await fetchUciHeartDisease({ directory, env: { WARDROUND_DATA_DIR: sharedPath() } });
    const path = join(directory, 'processed.va.data');
    writeFileSync(path, readFileSync(path, 'latin1').replace('63', '64'));
    await expect(readUciHeartDisease('cleveland', directory)).rejects.toMatchObject({ code: 'data-digest' });
    await expect(fetchUciHeartDisease({ directory, env: {} })).rejects.toMatchObject({ code: 'data-digest' });
  });
});

it('says how to get files that are not there', async () => {
  const directory = folder();
  await expect(readUciHeartDisease('va', directory)).rejects.toMatchObject({
    code: 'data-missing',
    message: expect.stringContaining('wardround data fetch'),
  });
  await expect(
    fetchUciHeartDisease({ directory: join(directory, 'x'), env: { WARDROUND_DATA_DIR: directory } }),
  ).rejects.toMatchObject({
    code: 'data-missing',
  });
});

/** A zip archive written by hand (APPNOTE 4.3.7, 4.3.12, 4.3.16), enough for a reader to be tested on. */
function zip(files: Readonly<Record<string, Uint8Array>>, deflated: boolean): Uint8Array {
  const local: Buffer[] = [];
  const central: Buffer[] = [];
  let offset = 0;
  for (const [name, bytes] of Object.entries(files)) {
    const data = deflated ? deflateRawSync(bytes) : Buffer.from(bytes);
    const common = Buffer.alloc(26);
    common.writeUInt16LE(20, 0);
    common.writeUInt16LE(deflated ? 8 : 0, 4);
    common.writeUInt32LE(crc32(bytes), 10);
    common.writeUInt32LE(data.length, 14);
    common.writeUInt32LE(bytes.length, 18);
    common.writeUInt16LE(name.length, 22);
    const header = Buffer.concat([Buffer.from('PK\x03\x04'), common, Buffer.from(name), data]);
    const tail = Buffer.alloc(14);
    tail.writeUInt32LE(offset, 10);
    central.push(Buffer.concat([Buffer.from('PK\x01\x02\x14\x00'), common, tail, Buffer.from(name)]));
    local.push(header);
    offset += header.length;
  }
  const directory = Buffer.concat(central);
  const end = Buffer.alloc(18);
  end.writeUInt16LE(central.length, 4);
  end.writeUInt16LE(central.length, 6);
  end.writeUInt32LE(directory.length, 8);
  end.writeUInt32LE(offset, 12);
  return Uint8Array.from(Buffer.concat([...local, directory, Buffer.from('PK\x05\x06'), end]));
}
