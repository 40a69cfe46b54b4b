// Image cohorts from a folder or from raw files, to a frozen snapshot and to what a model sees; and everything on the way that is refused.
import { mkdirSync, mkdtempSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  Field,
  FixedSizeBinary,
  RecordBatch,
  Schema,
  Struct,
  Table as ArrowTable,
  makeData,
  tableToIPC,
} from 'apache-arrow';
import { describe, expect, it } from 'vitest';
import type { Cohort } from '@wardround/protocol/documents/cohort';
import { sha256, toHex } from '@wardround/protocol/bytes';
import { checkCohort } from '@wardround/datasets/contract';
import { describeTable } from '@wardround/datasets/describe';
import { encodeCohort } from '@wardround/datasets/encode';
import { requireFits } from '@wardround/datasets/images/table-images';
import { decodeSnapshot, encodeSnapshot, readSnapshot } from '@wardround/datasets/snapshot';
import { importSource, parseSource, readSource } from '@wardround/datasets/source';
import { type Table, makeTable } from '@wardround/datasets/table';
import { binaryLabel, cohortOf, numberFeature } from '../cohorts.ts';
import { imagesOf, netpbm, picture, png } from './pictures.ts';

const folder = (): string => mkdtempSync(join(tmpdir(), 'wardround-images-'));
const code = (expected: string): unknown => expect.objectContaining({ code: expected });

const imageCohort = (overrides: Partial<Cohort> = {}): Cohort =>
  cohortOf({
    source: 'images',
    features: [{ type: 'image', name: 'image', height: 9, width: 8, channels: 1, missing: 'refuse' }],
    label: { ...binaryLabel, name: 'pneumonia' },
    ...overrides,
  });

/** Three pictures in two formats, one of them a folder deeper. */
function hospital(index = 'file,pneumonia,fold\na.png,1,train\nb.pgm,0,train\nolder/c.png,1,test\n'): string {
  const directory = folder();
  mkdirSync(join(directory, 'older'));
  writeFileSync(join(directory, 'a.png'), png(picture({}, 1)));
  writeFileSync(join(directory, 'b.pgm'), netpbm(picture({}, 2)));
  writeFileSync(join(directory, 'older', 'c.png'), png(picture({}, 3), { filters: [4] }));
  writeFileSync(join(directory, 'index.csv'), index);
  return directory;
}

describe('a folder of pictures', () => {
  it('is read with its index, file names left behind', async () => {
    const table = await readSource(parseSource({ kind: 'images', directory: hospital() }));
    expect(table).toEqual({
      provenance: 'real',
      rows: 3,
      columns: [
        { type: 'number', name: 'pneumonia', values: [1, 0, 1] },
        { type: 'text', name: 'fold', values: ['train', 'train', 'test'] },
      ],
      images: imagesOf(3),
    });
  });

  it('may name its index, its columns and its missing cells otherwise', async () => {
    const directory = hospital();
    writeFileSync(join(directory, 'liste.csv'), 'Bild;Befund\na.png;?\nb.pgm;0\n');
    const source = {
      kind: 'images',
      directory,
      index: 'liste.csv',
      file: 'Bild',
      delimiter: ';',
      missing: ['?'],
      columns: { Befund: 'pneumonia' },
      provenance: 'synthetic',
    };
    const table = await readSource(parseSource(source));
    expect(table).toMatchObject({ provenance: 'synthetic', columns: [{ name: 'pneumonia', values: [null, 0] }] });
  });

  const refused: readonly (readonly [string, string, string])[] = [
    ['an index without files', 'picture,pneumonia\na.png,1\n', 'images-index'],
    ['an index without rows', 'file,pneumonia\n', 'images-index'],
    ['a row without a file', 'file,pneumonia\na.png,1\n,0\n', 'images-index'],
    ['a file that is not there', 'file,pneumonia\na.png,1\nz.png,0\n', 'images-unreadable'],
    ['a file outside', 'file,pneumonia\n../secret.png,1\n', 'images-unreadable'],
    ['an absolute path', 'file,pneumonia\n/etc/hostname,1\n', 'images-unreadable'],
    ['a folder', 'file,pneumonia\nolder,1\n', 'images-unreadable'],
    ['the folder itself', 'file,pneumonia\n.,1\n', 'images-path'],
    ['a link that leads out', 'file,pneumonia\nlink.png,1\n', 'images-path'],
    ['what is no picture', 'file,pneumonia\nindex.csv,1\n', 'images-format'],
    ['a damaged picture', 'file,pneumonia\nhalf.png,1\n', 'images-format'],
    ['pictures of two sizes', 'file,pneumonia\na.png,1\nwide.png,1\n', 'images-size'],
    ['pictures of two depths', 'file,pneumonia\na.png,1\ncolour.png,1\n', 'images-size'],
    ['a column named like the pictures', 'file,image\na.png,1\n', 'table-shape'],
  ];
  it.each(refused)('is refused with %s', async (_, index, expected) => {
    const directory = hospital(index);
    const outside = join(folder(), 'outside.png');
    writeFileSync(outside, png(picture()));
    symlinkSync(outside, join(directory, 'link.png'));
    writeFileSync(join(directory, 'half.png'), png(picture()).subarray(0, 60));
    writeFileSync(join(directory, 'wide.png'), png(picture({ width: 9, height: 8 })));
    writeFileSync(join(directory, 'colour.png'), png(picture({ channels: 3 })));
    await expect(readSource({ kind: 'images', directory })).rejects.toThrow(code(expected));
  });

  it('is refused where it or its index is missing', async () => {
    await expect(readSource({ kind: 'images', directory: '/nowhere' })).rejects.toThrow(code('csv-unreadable'));
    const source = { kind: 'images', directory: hospital(), index: 'other.csv' } as const;
    await expect(readSource(source)).rejects.toThrow(code('csv-unreadable'));
  });

  it.each(['../index.csv', 'a/b.csv', '..', '', 'a\0b'])('has no index named %j', (index) => {
    expect(() => parseSource({ kind: 'images', directory: '/d', index })).toThrow(code('source-invalid'));
  });
});

describe('raw pictures', () => {
  const raw = (pixels: Uint8Array, labels: Uint8Array): Parameters<typeof readSource>[0] => {
    const directory = folder();
    writeFileSync(join(directory, 'images.u8'), pixels);
    writeFileSync(join(directory, 'labels.u8'), labels);
    const [images, labelsPath] = [join(directory, 'images.u8'), join(directory, 'labels.u8')];
    const source = {
      kind: 'rawImages',
      images,
      labels: labelsPath,
      label: 'pneumonia',
      height: 9,
      width: 8,
      channels: 1,
    };
    return parseSource(source);
  };

  it('are read with their labels', async () => {
    const images = imagesOf(3);
    const table = await readSource(raw(images.pixels, Uint8Array.of(1, 0, 1)));
    expect(table.columns).toEqual([{ type: 'number', name: 'pneumonia', values: [1, 0, 1] }]);
    expect({ ...table.images, pixels: [...(table.images?.pixels ?? [])] }).toEqual({
      ...images,
      pixels: [...images.pixels],
    });
  });

  it.each([0, 71, 73, 144])('of %i bytes are no one picture', async (length) => {
    await expect(readSource(raw(new Uint8Array(length), Uint8Array.of(1)))).rejects.toThrow(code('images-size'));
  });

  it('are refused where a file is missing', async () => {
    const source = { ...raw(new Uint8Array(72), Uint8Array.of(1)), images: '/nowhere' };
    await expect(readSource(source)).rejects.toThrow(code('images-unreadable'));
  });

  it('and any others have to fit into a snapshot', () => {
    expect(() => requireFits({ height: 1024, width: 1024, channels: 1 }, 1008)).not.toThrow();
    expect(() => requireFits({ height: 1024, width: 1024, channels: 1 }, 1009)).toThrow(code('images-too-large'));
  });
});

const table = (rows = 4): Table =>
  makeTable(
    'real',
    [{ type: 'number', name: 'pneumonia', values: Array.from({ length: rows }, (_, i) => i % 2) }],
    imagesOf(rows),
  );

describe('a snapshot of pictures', () => {
  it('comes back as it was', async () => {
    const frozen = await importSource({ kind: 'images', directory: hospital() }, folder());
    expect((await readSnapshot(frozen.path, frozen.digest)).table).toEqual(frozen.table);
  });

  it('is a function of the table', () => {
    const bytes = encodeSnapshot(table());
    expect(encodeSnapshot(structuredClone(table()))).toEqual(bytes);
    // Written down so that another version's bytes are noticed: approvals commit to them.
    expect(toHex(sha256(bytes))).toMatchInlineSnapshot(
      `"76645043a3a769306e98459a700b64cb76e415b95da6dccb265b83d04265fadd"`,
    );
  });

  it('with no rows or only pictures comes back too', () => {
    for (const each of [makeTable('real', [], imagesOf(2)), table(0)]) {
      const bytes = encodeSnapshot(each);
      expect(decodeSnapshot(bytes, toHex(sha256(bytes))).table).toEqual(each);
    }
  });

  const rewritten = (metadata: string | null, width = 72, name = 'image', twice = false): Uint8Array => {
    const type = new FixedSizeBinary(width);
    const field = new Field(name, type, false, new Map(metadata === null ? [] : [['wardround.image', metadata]]));
    const data = makeData({ type, length: 2, nullCount: 0, data: new Uint8Array(2 * width) });
    const fields = twice ? [field, new Field('other', type, false, field.metadata)] : [field];
    const keys = new Map([
      ['wardround.snapshot', 'v1'],
      ['wardround.provenance', 'real'],
    ]);
    const struct = makeData({ type: new Struct(fields), length: 2, nullCount: 0, children: fields.map(() => data) });
    return tableToIPC(new ArrowTable(new RecordBatch(new Schema(fields, keys), struct)), 'file');
  };
  it('is read however it was written, and refused where its size does not fit', () => {
    const decode = (bytes: Uint8Array): Table => decodeSnapshot(bytes, toHex(sha256(bytes))).table;
    expect(decode(rewritten('9x8x1')).images).toMatchObject({ height: 9, width: 8, channels: 1 });
    for (const bytes of [
      rewritten(null),
      rewritten('9x8'),
      rewritten('9x8x5'),
      rewritten('09x8x1'),
      rewritten('9x9x1'),
      rewritten('72000x1x1', 72_000),
      rewritten('9x8x1', 72, 'image', true),
    ]) {
      expect(() => decode(bytes)).toThrow(code('snapshot-format'));
    }
  });
});

describe('an image cohort', () => {
  it('is encoded as bytes, split like a table', async () => {
    const source = await readSource({ kind: 'images', directory: hospital() });
    const split = { method: 'column', column: 'fold', train: 'train', test: 'test' } as const;
    const { train, test, columns } = encodeCohort(checkCohort(source, imageCohort({ split })));
    expect(train.features).toBeInstanceOf(Uint8Array);
    expect([...train.features]).toEqual([...imagesOf(2).pixels]);
    expect([...train.labels, ...test.labels]).toEqual([1, 0, 1]);
    expect([...test.features]).toEqual([...picture({}, 3).pixels]);
    expect(columns).toEqual([]);
  });

  it('leaves out pictures without a label', () => {
    const labels = { type: 'number', name: 'pneumonia', values: [null, 1, 0] } as const;
    const checked = checkCohort(makeTable('real', [labels], imagesOf(3)), imageCohort());
    expect(checked.outcome).toMatchObject({ rows: 3, usedRows: 2, droppedRows: 1, events: 1 });
    expect([...encodeCohort(checked).train.features]).toEqual([...imagesOf(3).pixels.subarray(72)]);
  });

  const image = imageCohort().features[0] ?? numberFeature('x');
  const refused: readonly (readonly [string, Table, Partial<Cohort>, string])[] = [
    ['a table without pictures', makeTable('real', table().columns), {}, 'cohort-missing-column'],
    ['pictures of another name', table(), { features: [{ ...image, name: 'xray' }] }, 'cohort-missing-column'],
    ['another height', makeTable('real', table().columns, imagesOf(4, { height: 8 })), {}, 'cohort-image-size'],
    ['colours', makeTable('real', table().columns, imagesOf(4, { channels: 3 })), {}, 'cohort-image-size'],
    ['a column beside the pictures', table(), { features: [image, numberFeature('pneumonia')] }, 'cohort-unsupported'],
    ['no pictures in the contract', table(), { features: [numberFeature('pneumonia')] }, 'cohort-unsupported'],
    ['pictures in a table’s contract', table(), { source: 'table' }, 'cohort-unsupported'],
    ['too few of them', table(), { minimumRows: 5 }, 'cohort-too-few-rows'],
    ['a label that is not there', table(), { label: binaryLabel }, 'cohort-missing-column'],
  ];
  it.each(refused)('is refused: %s', (_, from, overrides, expected) => {
    expect(() => checkCohort(from, imageCohort(overrides))).toThrow(code(expected));
  });

  it('stays bytes where each picture is to be standardised by itself: that is done to a batch', () => {
    const plain = encodeCohort(checkCohort(table(), imageCohort()));
    expect(encodeCohort(checkCohort(table(), imageCohort({ standardise: 'perImage' })))).toEqual(plain);
    expect(plain.train.features).toBeInstanceOf(Uint8Array);
  });

  it.each(['perSite', 'federated'] as const)('is not standardised %s', (standardise) => {
    expect(() => encodeCohort(checkCohort(table(), imageCohort({ standardise })))).toThrow(
      code('standardise-unsupported'),
    );
  });

  it('is described by its size, its brightness, and how many different pictures it has', () => {
    const twice = makeTable('real', table(2).columns, {
      ...imagesOf(2),
      pixels: Uint8Array.from({ length: 144 }, (_, i) => (i % 2) * 255),
    });
    expect(describeTable(twice).columns[1]).toEqual({
      type: 'image',
      name: 'image',
      missing: 0,
      distinct: 1,
      height: 9,
      width: 8,
      channels: 1,
      mean: 127.5,
      counts: null,
    });
    expect(describeTable(table()).columns[1]).toMatchObject({ distinct: 4 });
  });
});
