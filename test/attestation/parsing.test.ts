// DER, PEM, TCB and product names: the small readers under the verifier, at their edges.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { WardroundError } from '@wardround/protocol/errors';
import { readAll, readIa5String, readSingle, readSmallInteger } from '@wardround/attestation/x509/der';
import { readArmoured } from '@wardround/attestation/x509/pem';
import { derIa5String, derInteger } from '@wardround/attestation/simulated/der-writer';
import { productOfCpuid, productOfName } from '@wardround/attestation/snp/product';
import { componentsBelow, decodeTcb, differingComponents, reservedTcbBytes } from '@wardround/attestation/snp/tcb';

function codeOf(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    return error instanceof WardroundError ? error.code : String(error);
  }
  return 'accepted';
}

const bytes = (hex: string): Uint8Array => Buffer.from(hex, 'hex');

describe('DER', () => {
  it('reads every small integer, in its one encoding', () => {
    for (let value = 0; value < 256; value += 1) expect(readSmallInteger(derInteger(value))).toBe(value);
  });

  it.each([
    '',
    '02',
    '0201',
    '020000',
    '0200',
    '0101ff',
    '02020001',
    '020180',
    '02020100',
    '0203000001',
    '02810101',
    '0280010000',
    '028400000001',
    '02850000000001',
    '1f810101',
    '02010100',
  ])('refuses %j as a small integer', (hex) => {
    expect(codeOf(() => readSmallInteger(bytes(hex)))).toBe('der-malformed');
  });

  it('reads lengths of 0, 127, 128, 255, 256 and 65536 bytes in their shortest form only', () => {
    for (const [length, header] of [
      [0, '0400'],
      [127, '047f'],
      [128, '048180'],
      [255, '0481ff'],
      [256, '04820100'],
      [65_536, '0483010000'],
    ] as const) {
      const element = Buffer.concat([bytes(header), Buffer.alloc(length)]);
      expect(readSingle(element).value.byteLength).toBe(length);
      expect(codeOf(() => readSingle(element.subarray(0, -1)))).toBe('der-malformed');
      expect(codeOf(() => readSingle(Buffer.concat([element, Buffer.alloc(2)])))).toBe('der-malformed');
    }
    expect(codeOf(() => readSingle(Buffer.concat([bytes('04817f'), Buffer.alloc(127)])))).toBe('der-malformed');
    expect(codeOf(() => readSingle(Buffer.concat([bytes('04820080'), Buffer.alloc(128)])))).toBe('der-malformed');
    expect(codeOf(() => readSingle(bytes('0484ffffffff')))).toBe('der-malformed');
  });

  it('reads strings of printable ASCII only', () => {
    expect(readIa5String(derIa5String('Milan-B0'))).toBe('Milan-B0');
    for (const hex of ['1600', '160100', '1601ff', '16017f', '0c0141', '16024100'])
      expect(codeOf(() => readIa5String(bytes(hex)))).toBe('der-malformed');
  });

  it('never fails otherwise, and what it reads is what was there', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (input) => {
        let elements;
        try {
          elements = readAll(input);
        } catch (error) {
          expect(error).toBeInstanceOf(WardroundError);
          return;
        }
        expect(Buffer.concat(elements.map(({ encoded }) => encoded))).toEqual(Buffer.from(input));
      }),
    );
  });
});

describe('PEM', () => {
  const limits = { label: 'CERTIFICATE', maxInputBytes: 200, maxObjects: 2 } as const;
  const block = (body: string, label = 'CERTIFICATE'): string =>
    `-----BEGIN ${label}-----\n${body}\n-----END ${label}-----\n`;
  const read = (text: string): readonly Uint8Array[] => readArmoured([Buffer.from(text)], limits);

  it('reads one or several blocks, with text around them', () => {
    expect(read(`subject=x\n${block('AQID')}`).map((der) => [...der])).toEqual([[1, 2, 3]]);
    expect(read(block('AQID') + block('BA==')).map((der) => [...der])).toEqual([[1, 2, 3], [4]]);
    expect(read(block('A\r\nQ ID'))).toHaveLength(1);
  });

  it('takes what starts like DER as DER', () => {
    expect(readArmoured([Uint8Array.of(0x30, 0)], limits).map((der) => [...der])).toEqual([[0x30, 0]]);
  });

  it.each([
    ['nothing', ''],
    ['no block', 'hello'],
    ['no end', '-----BEGIN CERTIFICATE-----\nAQID\n'],
    ['an empty block', block('')],
    ['base64url', block('_-_-')],
    ['missing padding', block('BA')],
    ['spare bits', block('BB==')],
    ['another label', block('AQID', 'PUBLIC KEY')],
    ['a private key before', block('AQID', 'PRIVATE KEY') + block('AQID')],
    ['a private key after', block('AQID') + block('AQID', 'PRIVATE KEY')],
    ['two ends', `${block('AQID')}-----END CERTIFICATE-----\n`],
  ])('refuses %s', (_, text) => {
    expect(codeOf(() => read(text))).toBe('pem-malformed');
  });

  it('is bounded before it is read', () => {
    expect(codeOf(() => read(block('AQID') + block('AQID') + block('AQID')))).toBe('pem-too-large');
    expect(codeOf(() => readArmoured([new Uint8Array(201)], limits))).toBe('pem-too-large');
  });
});

describe('TCB versions', () => {
  it('have another order on Turin', () => {
    const version = bytes('0102030405060708');
    expect(decodeTcb(version, 'Genoa')).toEqual({ bootLoader: 1, tee: 2, snp: 7, microcode: 8 });
    expect(decodeTcb(version, 'Milan')).toEqual({ bootLoader: 1, tee: 2, snp: 7, microcode: 8 });
    expect(decodeTcb(version, 'Turin')).toEqual({ fmc: 1, bootLoader: 2, tee: 3, snp: 4, microcode: 8 });
    expect(reservedTcbBytes(version, 'Genoa')).toEqual([2, 3, 4, 5]);
    expect(reservedTcbBytes(version, 'Turin')).toEqual([4, 5, 6]);
  });

  it('are compared by component: no component makes up for another', () => {
    const level = fc.integer({ min: 0, max: 255 });
    const tcb = fc.record({ bootLoader: level, tee: level, snp: level, microcode: level });
    fc.assert(
      fc.property(tcb, tcb, (have, floor) => {
        const names = ['bootLoader', 'tee', 'snp', 'microcode'] as const;
        expect(componentsBelow(have, floor)).toHaveLength(names.filter((name) => have[name] < floor[name]).length);
        expect(differingComponents(have, floor)).toHaveLength(
          names.filter((name) => have[name] !== floor[name]).length,
        );
      }),
    );
  });

  it('of different layouts never satisfy each other', () => {
    const older = { bootLoader: 9, tee: 9, snp: 9, microcode: 9 };
    expect(componentsBelow(older, { fmc: 0, ...older })).toEqual(['fmc absent < 0']);
    expect(componentsBelow({ fmc: 9, ...older }, older)).toEqual(['fmc 9 < absent']);
  });
});

describe('products', () => {
  it.each([
    [0x19, 0x00, 'Milan'],
    [0x19, 0x0f, 'Milan'],
    [0x19, 0x10, 'Genoa'],
    [0x19, 0x1f, 'Genoa'],
    [0x19, 0xa0, 'Genoa'],
    [0x19, 0xaf, 'Genoa'],
    [0x1a, 0x00, 'Turin'],
    [0x1a, 0x11, 'Turin'],
  ] as const)('family %i model %i is %s', (family, model, product) => {
    expect(productOfCpuid({ family, model, stepping: 0 })).toBe(product);
  });

  it.each([
    [0x18, 0x01],
    [0x19, 0x20],
    [0x19, 0x9f],
    [0x19, 0xb0],
    [0x1a, 0x12],
    [0x1b, 0x00],
    [0, 0],
  ])('family %i model %i is none', (family, model) => {
    expect(codeOf(() => productOfCpuid({ family, model, stepping: 0 }))).toBe('snp-product');
  });

  it('are named with or without a stepping', () => {
    expect(['Milan', 'Milan-B0', 'Genoa', 'Turin-C1'].map(productOfName)).toEqual(['Milan', 'Milan', 'Genoa', 'Turin']);
    for (const name of ['', 'milan', 'Milan-', 'Milan-B', 'Milan-B00', 'Genoa ', 'Naples', 'constructor'])
      expect(codeOf(() => productOfName(name))).toBe('snp-product');
  });
});
