// The files in which tools write NVIDIA evidence, and what is no such file.
import { describe, expect, it } from 'vitest';
import { utf8 } from '@wardround/protocol/bytes';
import { isEvidenceList, readEvidenceList, readReportFile } from '@wardround/attestation/nvidia/evidence-files';

const base64 = (text: string): string => Buffer.from(text).toString('base64');
const device = { arch: 'HOPPER', evidence: base64('report'), certificate: base64('chain'), nonce: '00' };
const list = (...devices: readonly unknown[]): Uint8Array => utf8(JSON.stringify(devices));

describe('a report', () => {
  it('is read as bytes, or as hex with white space around it', () => {
    const bytes = Uint8Array.of(0x11, 0xe0, 1);
    expect(readReportFile(bytes)).toEqual(bytes);
    expect(readReportFile(utf8(' 11e001\n'))).toEqual(bytes);
    expect(readReportFile(utf8('11E001'))).toEqual(bytes);
  });

  it.each(['', ' ', '11e', '11e0 01', '0x11e001', 'hello', '\u0000'])('is not %j', (text) => {
    expect(() => readReportFile(utf8(text))).toThrow(expect.objectContaining({ code: 'nvidia-file' }));
  });

  it('is not a megabyte of hex', () => {
    expect(() => readReportFile(utf8('11'.repeat(600_000)))).toThrow(expect.objectContaining({ code: 'nvidia-file' }));
  });
});

describe('a list of devices', () => {
  it('is told from a report by its first character', () => {
    expect(isEvidenceList(utf8('\n [{}]'))).toBe(true);
    expect(isEvidenceList(utf8('11e001'))).toBe(false);
    expect(isEvidenceList(new Uint8Array())).toBe(false);
  });

  it('says kind, report and chain; what else it says is not believed', () => {
    expect(readEvidenceList(list(device, { ...device, arch: 'LS10', driver_version: 'any' }))).toEqual(
      [
        { kind: 'gpu', report: Buffer.from('report'), certificates: [Buffer.from('chain')] },
        { kind: 'switch', report: Buffer.from('report'), certificates: [Buffer.from('chain')] },
      ].map(({ kind, report, certificates: [chain = Buffer.alloc(0)] }) => ({
        kind,
        report: Uint8Array.from(report),
        certificates: [Uint8Array.from(chain)],
      })),
    );
  });

  it.each<readonly [string, Uint8Array, string]>([
    ['nothing', list(), 'nvidia-file'],
    ['an object', utf8('{}'), 'nvidia-file'],
    ['an unknown architecture', list({ ...device, arch: 'AMPERE' }), 'nvidia-file'],
    ['an architecture of everybody', list({ ...device, arch: 'constructor' }), 'nvidia-file'],
    ['no report', list({ ...device, evidence: '' }), 'nvidia-file'],
    ['no chain', list({ arch: 'HOPPER', evidence: 'AA==' }), 'nvidia-file'],
    ['base64 that is not canonical', list({ ...device, evidence: 'AB==' }), 'nvidia-file'],
    ['base64url', list({ ...device, evidence: '_-==' }), 'nvidia-file'],
    ['more devices than any machine', list(...Array.from({ length: 33 }, () => device)), 'nvidia-file'],
    ['a key twice', utf8('[{"arch":"HOPPER","arch":"LS10"}]'), 'json-duplicate-key'],
    ['half a list', utf8('[{"arch":"HOPPER"'), 'json-syntax'],
    ['a list too deep', utf8('['.repeat(100)), 'json-depth'],
    ['a list too large', utf8(`[${' '.repeat(1_000_000)}]`), 'json-too-large'],
  ])('is not %s', (_, file, code) => {
    expect(() => readEvidenceList(file)).toThrow(expect.objectContaining({ code }));
  });
});
