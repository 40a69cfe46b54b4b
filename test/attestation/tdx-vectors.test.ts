// Every genuine TDX sample yields what its manifest says, at the times it says, and so do the negative ones.
import { verify as verifyWithPeer } from '@phala/dcap-qvl';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { concatBytes, toHex, utf8 } from '@wardround/protocol/bytes';
import { tdxAuthenticitySteps } from '@wardround/attestation/tdx/verify';
import { readCollateralFile } from '@wardround/attestation/tdx/collateral-file';
import type { TdxInspection } from '@wardround/attestation/tdx/inspect';
import {
  collateralOf,
  collateralOf2023,
  collateralOfOctober2025,
  failuresOf,
  inspectAt,
  quoteOf,
  spoilAt,
  statusOf,
} from './tdx-samples.ts';
import type { TdxSample } from './expected.ts';
import { tdxSampleSchema } from './expected.ts';
import { haveVectors, vector } from './vectors.ts';

type Expected = TdxSample;

const sgxQuote = 'tdx/dcap-qvl/sgx_quote';
/** Its 39 bytes after the quote are no padding: "extra bytes(only for testing purpose)". */
const withText = 'tdx/go-tdx-guest/tdx_prod_quote_SPR_E4.dat';

function samples(): readonly (readonly [string, Expected])[] {
  if (!haveVectors) return [];
  const file = z.looseObject({ tdx: z.array(z.looseObject({ f: z.string() })) });
  const { tdx } = file.parse(JSON.parse(Buffer.from(vector('expected.json')).toString('utf8')));
  const quotes = z.array(tdxSampleSchema).parse(tdx.filter(({ f }) => f !== sgxQuote));
  return quotes.map((sample) => [sample.f, sample]);
}

const now = samples();

function littleEndian(hex: string): string {
  return `0x${Buffer.from(hex, 'hex').readBigUInt64LE().toString(16)}`;
}

function dayAfter(date: string): string {
  return new Date(Date.parse(date) + 86_400_000).toISOString();
}

describe.skipIf(!haveVectors)('genuine TDX quotes', () => {
  it('are all there', () => {
    expect(now).toHaveLength(10);
  });

  it.each(now)('%s is authentic while its certificate is valid', (path, { pck, trailing }) => {
    const inspection = inspectAt({ quote: quoteOf(path), at: dayAfter(pck.from) });
    expect(failuresOf(inspection)).toEqual(path === withText ? ['quote-padding: tdx-quote-trailing'] : []);
    expect(inspection.authentic).toBe(path !== withText);
    expect(inspection.simulated).toBe(false);
    expect(inspection.fields?.padding).toBe(trailing);
    const open = inspection.steps.filter(({ status }) => status === 'not-evaluated').map(({ name }) => name);
    expect(open).toHaveLength(12);
    for (const name of tdxAuthenticitySteps) expect(open).not.toContain(name);
  });

  it('are authentic without what was appended to one of them', () => {
    const quote = quoteOf(withText).slice(0, -39);
    expect(inspectAt({ quote, at: '2023-07-01T00:00:00Z' }).authentic).toBe(true);
  });

  it.each(now)('%s has the expected fields', (path, sample) => {
    const { fields } = inspectAt({ quote: quoteOf(path), at: '2027-01-01T00:00:00Z' });
    const { ext } = sample.pck;
    expect(fields).toMatchObject({
      version: sample.v,
      bodyType: sample.mrservicetd === undefined ? 'TD 1.0' : 'TD 1.5',
      tcbStatus: null,
      advisoryIds: null,
      teeTcbSvn: sample.tee_tcb_svn,
      teeTcbSvn2: sample.tee_tcb_svn2 ?? null,
      mrServiceTd: sample.mrservicetd ?? null,
      mrSeam: sample.mrseam,
      seamAttributes: sample.seamattr,
      tdAttributes: littleEndian(sample.tdattr),
      xfam: littleEndian(sample.xfam),
      mrtd: sample.mrtd,
      mrConfigId: sample.mrconfigid,
      rtmr0: sample.rtmr[0],
      rtmr1: sample.rtmr[1],
      rtmr2: sample.rtmr[2],
      rtmr3: sample.rtmr[3],
      reportData: sample.report_data,
      quotingEnclave: {
        cpuSvn: sample.qe.cpusvn,
        miscSelect: sample.qe.miscselect,
        attributes: sample.qe.attributes,
        mrSigner: sample.qe.mrsigner,
        isvProdId: sample.qe.isvprodid,
        isvSvn: sample.qe.isvsvn,
      },
      pck: {
        ppid: ext.ppid,
        components: ext.comp,
        pceSvn: ext.pcesvn,
        cpuSvn: ext.cpusvn,
        pceId: ext.pceid,
        fmspc: ext.fmspc,
        sgxType: Number.parseInt(ext.sgxType, 16),
        notBefore: new Date(sample.pck.from).toISOString(),
        notAfter: new Date(sample.pck.to).toISOString(),
      },
    });
    expect(fields?.pck?.serial.replace(/^00/, '')).toBe(sample.pck.serial.toLowerCase());
  });

  it.each(now)('%s has expired one second after its last', (path, { pck }) => {
    const late = new Date(Date.parse(pck.to) + 1000).toISOString();
    const early = new Date(Date.parse(pck.from) - 1000).toISOString();
    expect(failuresOf(inspectAt({ quote: quoteOf(path), at: late }))).toContain('validity: tdx-expired');
    expect(failuresOf(inspectAt({ quote: quoteOf(path), at: early }))).toContain('validity: tdx-not-yet-valid');
  });

  it('and an SGX quote, which is none', () => {
    const inspection = inspectAt({ quote: quoteOf(sgxQuote), at: '2025-06-20T00:00:00Z' });
    expect(failuresOf(inspection)).toEqual(['quote-format: tdx-quote-version']);
    expect(inspection).toMatchObject({ authentic: false, fields: null });
  });

  it('are never trusted where another root is', () => {
    const quote = quoteOf('tdx/dcap-qvl/tdx_quote');
    expect(failuresOf(inspectAt({ quote, at: '2025-06-20T00:00:00Z', roots: [] }))).toEqual([
      'chain: tdx-root-untrusted',
    ]);
  });
});

const june2025 = 'tdx/dcap-qvl/tdx_quote_collateral.json';
const february2026 = 'tdx/dcap-qvl/tdx_quote_outdated_collateral.json';

describe.skipIf(!haveVectors)('genuine quotes with genuine collateral', () => {
  it('version 4, TD 1.0: every step ok, UpToDate', () => {
    const inspection = inspectAt({
      quote: quoteOf('tdx/dcap-qvl/tdx_quote'),
      collateral: collateralOf(june2025),
      at: '2025-06-20T00:00:00Z',
    });
    expect(inspection.steps.filter(({ status }) => status !== 'ok').map(({ name }) => name)).toEqual(['event-log']);
    expect(inspection.authentic).toBe(true);
    expect(inspection.fields).toMatchObject({ tcbStatus: 'UpToDate', advisoryIds: [], tcbEvaluationDataNumber: 17 });
  });

  it('version 5, TD 1.5: every step ok, UpToDate', () => {
    const inspection = inspectAt({
      quote: quoteOf('tdx/go-tdx-guest/quote_v5_sample.dat'),
      collateral: collateralOf(february2026),
      at: '2026-02-20T00:00:00Z',
    });
    expect(failuresOf(inspection)).toEqual([]);
    expect(inspection.authentic).toBe(true);
    expect(inspection.fields).toMatchObject({ tcbStatus: 'UpToDate', advisoryIds: [], tcbEvaluationDataNumber: 18 });
  });

  it('version 5 with the TCB info of another month', () => {
    const collateral = {
      ...collateralOf(february2026),
      tcbInfo: vector('tdx/go-tdx-guest/sample_tcbinfo_response_v5'),
    };
    const quote = quoteOf('tdx/go-tdx-guest/quote_v5_sample.dat');
    expect(inspectAt({ quote, collateral, at: '2026-02-20T00:00:00Z' }).fields?.tcbStatus).toBe('UpToDate');
    expect(failuresOf(inspectAt({ quote, collateral, at: '2026-03-04T00:00:00Z' }))).toEqual([
      'tcb-info-current: tdx-collateral-expired',
    ]);
  });

  it.each([
    ['tdx/dcap-qvl/tdx_quote_outdated', february2026, '2026-02-20T00:00:00Z'],
    ['tdx/dcap-qvl/tdx-quote.hex', june2025, '2025-06-20T00:00:00Z'],
  ])('%s is below every level', (path, file, at) => {
    const inspection = inspectAt({ quote: quoteOf(path), collateral: collateralOf(file), at });
    expect(failuresOf(inspection)).toEqual(['platform-tcb: tdx-tcb-no-level']);
    expect(inspection).toMatchObject({ authentic: false, fields: { tcbStatus: null } });
  });

  it('a platform of 2022, below every level of 2023', () => {
    const quote = quoteOf(withText).slice(0, -39);
    const inspection = inspectAt({ quote, collateral: collateralOf2023(), at: '2023-07-01T00:00:00Z' });
    expect(failuresOf(inspection)).toEqual(['platform-tcb: tdx-tcb-no-level']);
    expect(inspection).toMatchObject({ authentic: false, fields: { tcbStatus: null } });
  });

  it('a debug TD is authentic and UpToDate: whether it is wanted is a matter of policy', () => {
    const inspection = inspectAt({
      quote: quoteOf('tdx/trustee/tdx_quote_4.dat'),
      collateral: collateralOf2023(),
      at: '2023-07-01T00:00:00Z',
    });
    expect(inspection).toMatchObject({ authentic: true, fields: { tcbStatus: 'UpToDate', debug: true } });
  });

  it('a platform that is out of date is authentic, and says so', () => {
    const inspection = inspectAt({
      quote: quoteOf('tdx/trustee/tdx_quote_6.dat'),
      collateral: collateralOfOctober2025(),
      at: '2025-11-01T00:00:00Z',
    });
    expect(failuresOf(inspection)).toEqual([]);
    expect(inspection).toMatchObject({ authentic: true, fields: { tcbStatus: 'OutOfDate' } });
    expect(statusOf(inspection, 'revocation')).toBe('not-evaluated');
  });

  it('a TCB signing certificate that expired in 2025 signs nothing of 2026', () => {
    const old = [vector('tdx/go-tdx-guest/tcbInfoIssuerChain.pem')];
    const collateral = { ...collateralOf(february2026), tcbInfoIssuerChain: old };
    const quote = quoteOf('tdx/go-tdx-guest/quote_v5_sample.dat');
    expect(failuresOf(inspectAt({ quote, collateral, at: '2026-02-20T00:00:00Z' }))).toEqual([
      'tcb-info-current: tdx-expired',
    ]);
  });

  it('collateral of another family of platforms', () => {
    const inspection = inspectAt({
      quote: quoteOf('tdx/dcap-qvl/tdx_quote'),
      collateral: collateralOf(february2026),
      at: '2026-02-20T00:00:00Z',
    });
    expect(failuresOf(inspection)).toEqual(['tcb-info-platform: tdx-fmspc']);
    expect(inspection.fields?.tcbStatus).toBeNull();
  });

  it('collateral of SGX', () => {
    const inspection = inspectAt({
      quote: quoteOf('tdx/dcap-qvl/tdx_quote'),
      collateral: collateralOf('tdx/dcap-qvl/sgx_quote_collateral.json'),
      at: '2025-06-20T00:00:00Z',
    });
    expect(failuresOf(inspection)).toEqual([
      'tcb-info: tdx-collateral-malformed',
      'qe-identity: tdx-collateral-malformed',
      'crl-chain: tdx-chain',
      'revocation: tdx-crl-issuer',
    ]);
  });
});

describe.skipIf(!haveVectors)('a genuine event log', () => {
  const quote = (): Uint8Array => quoteOf('tdx/go-tdx-guest/ccel/cos-113-tdx-quote.dat');
  const at = '2025-06-20T00:00:00Z';

  it('explains all four registers of its own quote', () => {
    const eventLog = vector('tdx/go-tdx-guest/ccel/ccel_data.dat');
    const inspection = inspectAt({ quote: quote(), eventLog, at });
    expect(statusOf(inspection, 'event-log')).toBe('ok');
    expect(inspection.authentic).toBe(true);
  });

  it.each(['tdx/trustee/CCEL_data', 'tdx/trustee/CCEL_data_ovmf'])(
    'of another machine explains nothing: %s',
    (path) => {
      const inspection = inspectAt({ quote: quote(), eventLog: vector(path), at });
      expect(failuresOf(inspection)).toEqual(['event-log: tdx-event-log']);
      expect(inspection.authentic).toBe(false);
    },
  );
});

interface Sample {
  readonly quote: string;
  readonly collateral: string;
  readonly at: string;
}

const good: readonly (readonly [string, Sample])[] = [
  ['version 4', { quote: 'tdx/dcap-qvl/tdx_quote', collateral: june2025, at: '2025-06-20T00:00:00Z' }],
  [
    'version 5',
    { quote: 'tdx/go-tdx-guest/quote_v5_sample.dat', collateral: february2026, at: '2026-02-20T00:00:00Z' },
  ],
];

const fileSchema = z.object({
  pck_crl_issuer_chain: z.string(),
  root_ca_crl: z.string(),
  pck_crl: z.string(),
  tcb_info_issuer_chain: z.string(),
  tcb_info: z.string(),
  tcb_info_signature: z.string(),
  qe_identity_issuer_chain: z.string(),
  qe_identity: z.string(),
  qe_identity_signature: z.string(),
});
type CollateralFile = z.infer<typeof fileSchema>;

function fileOf({ collateral }: Sample, change: Partial<CollateralFile> = {}): CollateralFile {
  return { ...fileSchema.parse(JSON.parse(Buffer.from(vector(collateral)).toString('utf8'))), ...change };
}

/** The status that the other library finds; it throws where it refuses. */
function peerStatus(sample: Sample, file: CollateralFile): string {
  return verifyWithPeer(Buffer.from(quoteOf(sample.quote)), file, Date.parse(sample.at) / 1000).status;
}

function inspectFile(sample: Sample, file: CollateralFile): TdxInspection {
  const collateral = readCollateralFile(utf8(JSON.stringify(file)));
  return inspectAt({ quote: quoteOf(sample.quote), collateral, at: sample.at });
}

describe.skipIf(!haveVectors)('beside @phala/dcap-qvl', () => {
  it.each(good)('%s: both find the same status', (_, sample) => {
    const file = fileOf(sample);
    expect(peerStatus(sample, file)).toBe('UpToDate');
    expect(inspectFile(sample, file).fields?.tcbStatus).toBe('UpToDate');
  });

  const spoiled: readonly (readonly [string, (file: CollateralFile) => Partial<CollateralFile>, string])[] = [
    ['whose signature is spoiled', ({ pck_crl }) => ({ pck_crl: flipLast(pck_crl) }), 'tdx-crl-signature'],
    ['that is no list', () => ({ pck_crl: '00'.repeat(64) }), 'pem-malformed'],
    ['that is cut', ({ pck_crl }) => ({ pck_crl: pck_crl.slice(0, -2) }), 'crl-malformed'],
    ['of the root that is cut', ({ root_ca_crl }) => ({ root_ca_crl: root_ca_crl.slice(0, -2) }), 'crl-malformed'],
    ['of the root in place of the PCKs’', ({ root_ca_crl }) => ({ pck_crl: root_ca_crl }), 'tdx-crl-issuer'],
  ];
  it.each(spoiled)('a list %s is accepted there and refused here', (_, change, code) => {
    for (const [, sample] of good) {
      const file = fileOf(sample, change(fileOf(sample)));
      expect(peerStatus(sample, file)).toBe('UpToDate');
      const inspection = inspectFile(sample, file);
      expect(failuresOf(inspection)).toEqual([`revocation: ${code}`]);
      expect(inspection.authentic).toBe(false);
    }
  });

  it('so is a list that has expired', () => {
    const [, [, sample]] = good as readonly [unknown, readonly [string, Sample]];
    const file = fileOf(sample, { pck_crl: fileOf({ ...sample, collateral: june2025 }).pck_crl });
    expect(peerStatus(sample, file)).toBe('UpToDate');
    expect(failuresOf(inspectFile(sample, file))).toEqual(['revocation: tdx-crl-expired']);
  });

  it('and a list that is missing leaves revocation open', () => {
    for (const [, sample] of good) {
      const { pck_crl: _, ...rest } = fileOf(sample);
      const collateral = readCollateralFile(utf8(JSON.stringify(rest)));
      const inspection = inspectAt({ quote: quoteOf(sample.quote), collateral, at: sample.at });
      expect(statusOf(inspection, 'revocation')).toBe('not-evaluated');
      expect(failuresOf(inspection)).toEqual([]);
    }
  });
});

function flipLast(hex: string): string {
  return toHex(spoilAt(Buffer.from(hex, 'hex'), hex.length / 2 - 1));
}

describe.skipIf(!haveVectors)('a genuine quote that was changed', () => {
  const at = '2025-06-20T00:00:00Z';
  const quotes = ['tdx/dcap-qvl/tdx_quote', 'tdx/trustee/tdx_quote_5.dat'] as const;

  it.each(quotes)('%s: a flipped bit, all over it and in every byte of its structure', (path) => {
    const quote = quoteOf(path);
    for (
      let offset = 0;
      offset < quote.byteLength;
      offset += offset < 60 || (offset > 1280 && offset < 1340) ? 1 : 19
    ) {
      const { authentic, steps } = inspectAt({ quote: spoilAt(quote, offset, offset % 8), at });
      expect({ offset, authentic }).toEqual({ offset, authentic: false });
      expect(steps.map(({ code }) => code)).not.toContain('attestation-internal');
    }
  });

  it.each(quotes)('%s: cut at every length', (path) => {
    const quote = quoteOf(path);
    const end = quote.byteLength - (inspectAt({ quote, at }).fields?.padding ?? 0);
    for (let length = 0; length < end; length += 1) {
      const failures = failuresOf(inspectAt({ quote: quote.subarray(0, length), at }));
      expect({ length, failures }).toEqual({ length, failures: ['quote-format: tdx-quote-truncated'] });
    }
    expect(inspectAt({ quote: quote.subarray(0, end), at }).authentic).toBe(true);
  });

  it('with bytes behind it', () => {
    const quote = quoteOf('tdx/trustee/tdx_quote_5.dat');
    expect(inspectAt({ quote: concatBytes(quote, new Uint8Array(3000)), at }).authentic).toBe(true);
    for (const behind of [Uint8Array.of(1), Uint8Array.of(0, 0, 0, 0x80), utf8('hello')]) {
      expect(failuresOf(inspectAt({ quote: concatBytes(quote, behind), at }))).toEqual([
        'quote-padding: tdx-quote-trailing',
      ]);
    }
  });

  /** Offsets of the lengths in a version 5 quote of TD 1.5, with 32 bytes of authentication data. */
  const lengths: readonly (readonly [string, number, 2 | 4])[] = [
    ['body', 50, 4],
    ['signature data', 702, 4],
    ['certification data', 836, 4],
    ['authentication data', 1288, 2],
    ['PCK chain', 1324, 4],
  ];
  it.each(lengths)('the length of the %s lies', (_, offset, width) => {
    const quote = quoteOf('tdx/trustee/tdx_quote_5.dat');
    const view = new DataView(quote.buffer);
    const true_ = width === 2 ? view.getUint16(offset, true) : view.getUint32(offset, true);
    const highest = width === 2 ? 0xffff : 0xffff_ffff;
    for (const lie of [0, 1, true_ - 1, true_ + 1, 2 * true_, 0x7fff, highest]) {
      const lying = Uint8Array.from(quote);
      const target = new DataView(lying.buffer);
      if (width === 2) target.setUint16(offset, lie, true);
      else target.setUint32(offset, lie, true);
      const { steps, fields } = inspectAt({ quote: lying, at });
      expect({ lie, fields }).toEqual({ lie, fields: null });
      expect(steps[0]?.code).toMatch(/^tdx-quote-(?:truncated|length|body|certification)$/);
    }
  });
});
