// The manifest's TDX quotes and Intel's collateral, alone and together, each at the times that the manifest names.
import { z } from 'zod';
import type { TdxCollateral } from '@wardround/attestation/tdx/collateral';
import { collateralOf, collateralOf2023, collateralOfOctober2025, inspectAt, quoteOf } from '../tdx-samples.ts';
import type { TdxSample } from '../expected.ts';
import { tdxSampleSchema } from '../expected.ts';
import { vector } from '../vectors.ts';
import type { Row } from './row.ts';
import { judgedSteps, manifestTable, secondsAfter, textOf } from './row.ts';
import { itemRow } from './snp.ts';

const sgxQuote = 'tdx/dcap-qvl/sgx_quote';
/** Its 39 bytes after the quote are no padding: "extra bytes(only for testing purpose)". */
const withText = 'tdx/go-tdx-guest/tdx_prod_quote_SPR_E4.dat';

function littleEndian(hex: string): string {
  return `0x${Buffer.from(hex, 'hex').readBigUInt64LE().toString(16)}`;
}

function fieldsOf(sample: TdxSample, row: Readonly<Record<string, string>>): Record<string, unknown> {
  const { ext, from, to } = sample.pck;
  if (!sample.mrtd.startsWith(row['MRTD (12 B)'] ?? '')) throw new Error('the manifest and expected.json differ');
  return {
    version: sample.v,
    bodyType: sample.mrservicetd === undefined ? 'TD 1.0' : 'TD 1.5',
    padding: sample.trailing,
    tcbStatus: null,
    teeTcbSvn: sample.tee_tcb_svn,
    teeTcbSvn2: sample.tee_tcb_svn2 ?? null,
    mrServiceTd: sample.mrservicetd ?? null,
    mrSeam: sample.mrseam,
    seamAttributes: sample.seamattr,
    tdAttributes: littleEndian(sample.tdattr),
    debug: sample.tdattr.startsWith('01'),
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
      fmspc: row['FMSPC'],
      sgxType: Number.parseInt(ext.sgxType, 16),
      notBefore: new Date(from).toISOString(),
      notAfter: new Date(to).toISOString(),
    },
  };
}

const kind = 'TDX quote';

function quoteRows(row: Readonly<Record<string, string>>, sample: TdxSample): readonly Row[] {
  const { f: file, pck } = sample;
  const always = file === withText ? ['quote-padding: tdx-quote-trailing'] : [];
  const at = (date: Date): Row['judge'] => {
    return () => judgedSteps(inspectAt({ quote: quoteOf(file), at: date.toISOString() }));
  };
  const day = secondsAfter(pck.from, 86_400);
  const times = [
    [secondsAfter(pck.from, -1), 'tdx-not-yet-valid'],
    [secondsAfter(pck.to, 1), 'tdx-expired'],
  ] as const;
  if (file === sgxQuote)
    return [{ kind, file, what: 'is of SGX', failures: ['quote-format: tdx-quote-version'], judge: at(day) }];
  return [
    { kind, file, what: day.toISOString(), failures: always, fields: fieldsOf(sample, row), judge: at(day) },
    ...times.map(([date, code]): Row => {
      const failures = [...always, `validity: ${code}`];
      return { kind, file, what: date.toISOString(), failures, judge: at(date) };
    }),
  ];
}

const june2025 = 'tdx/dcap-qvl/tdx_quote_collateral.json';
const february2026 = 'tdx/dcap-qvl/tdx_quote_outdated_collateral.json';
const v5 = 'tdx/go-tdx-guest/quote_v5_sample.dat';
const log = 'tdx/go-tdx-guest/ccel/ccel_data.dat';
const logged = 'tdx/go-tdx-guest/ccel/cos-113-tdx-quote.dat';

interface Together {
  readonly file: string;
  readonly beside: readonly string[];
  readonly collateral?: () => Partial<TdxCollateral>;
  readonly at: string;
  readonly failures?: readonly string[];
  readonly fields?: Readonly<Record<string, unknown>>;
}

function togetherRow({ file, beside, collateral, at, failures = [], fields = {} }: Together): Row {
  const eventLog = beside.find((path) => path.includes('ccel_data') || path.includes('CCEL'));
  return {
    kind,
    file,
    beside,
    what: `with ${beside.join(', ')} at ${at}`,
    failures,
    fields,
    judge: () => {
      const whole = quoteOf(file);
      const quote = file === withText ? whole.subarray(0, -39) : whole;
      const given = collateral === undefined ? {} : { collateral: collateral() };
      const events = eventLog === undefined ? {} : { eventLog: vector(eventLog) };
      return judgedSteps(inspectAt({ quote, at, ...given, ...events }));
    },
  };
}

const of2023 = ['sample_tcbInfo_response', 'tcbInfoIssuerChain.pem', 'sample_qeIdentity_response'].map(
  (name) => `tdx/go-tdx-guest/${name}`,
);

function togetherRows(): readonly Row[] {
  const set = (file: string, path: string, at: string): Together => {
    return { file, beside: [path], collateral: () => collateralOf(path), at };
  };
  const old = { beside: of2023, collateral: collateralOf2023, at: '2023-07-01T00:00:00Z' };
  const october = ['tdx/trustee/tcbInfo.json', 'tdx/trustee/enclaveIdentity.json'];
  const noLevel = { failures: ['platform-tcb: tdx-tcb-no-level'], fields: { tcbStatus: null } };
  const upToDate = { fields: { tcbStatus: 'UpToDate' } };
  const june = '2025-06-20T00:00:00Z';
  const february = '2026-02-20T00:00:00Z';
  const rows: readonly Together[] = [
    {
      ...set('tdx/dcap-qvl/tdx_quote', june2025, june),
      fields: { tcbStatus: 'UpToDate', tcbEvaluationDataNumber: 17 },
    },
    { ...set(v5, february2026, february), fields: { tcbStatus: 'UpToDate', tcbEvaluationDataNumber: 18 } },
    { ...set('tdx/dcap-qvl/tdx_quote_outdated', february2026, february), ...noLevel },
    { ...set('tdx/dcap-qvl/tdx-quote.hex', june2025, june), ...noLevel },
    { ...old, file: withText, ...noLevel },
    { ...old, file: 'tdx/trustee/tdx_quote_4.dat', fields: { ...upToDate.fields, debug: true } },
    {
      file: 'tdx/trustee/tdx_quote_6.dat',
      beside: october,
      collateral: collateralOfOctober2025,
      at: '2025-11-01T00:00:00Z',
      fields: { tcbStatus: 'OutOfDate' },
    },
    {
      file: 'tdx/dcap-qvl/tdx_quote',
      beside: ['tdx/dcap-qvl/sgx_quote_collateral.json'],
      collateral: () => collateralOf('tdx/dcap-qvl/sgx_quote_collateral.json'),
      at: june,
      failures: [
        'tcb-info: tdx-collateral-malformed',
        'qe-identity: tdx-collateral-malformed',
        'crl-chain: tdx-chain',
        'revocation: tdx-crl-issuer',
      ],
    },
    { file: logged, beside: [log], at: june },
    { file: logged, beside: ['tdx/trustee/CCEL_data'], at: june, failures: ['event-log: tdx-event-log'] },
    { file: logged, beside: ['tdx/trustee/CCEL_data_ovmf'], at: june, failures: ['event-log: tdx-event-log'] },
  ];
  return rows.map(togetherRow);
}

/** One document or list: its dates, its number, and that it is refused a second after its last. */
function collateralRows(): readonly Row[] {
  const chain2032 = 'tdx/dcap-qvl/tcb_info_issuer_chain_2032.pem';
  const pckChain = 'tdx/dcap-qvl/pck_crl_issuer_chain.pem';
  const go = (name: string): string => `tdx/go-tdx-guest/${name}`;
  type Item = readonly [string, readonly string[], string, readonly [string, string], Readonly<Record<string, number>>];
  const items: readonly Item[] = [
    [june2025, [], 'intelTcbInfo b0c06f000000', ['2025-06-19', '2025-07-19'], { evaluation: 17 }],
    [june2025, [], 'intelQeIdentity', ['2025-06-19', '2025-07-19'], { evaluation: 17 }],
    [june2025, [], 'intelPckCrl platform', ['2025-06-19', '2025-07-19'], { revoked: 44 }],
    [february2026, [], 'intelTcbInfo 90c06f000000', ['2026-02-18', '2026-03-20'], { evaluation: 18 }],
    [february2026, [], 'intelQeIdentity', ['2026-02-18', '2026-03-20'], { evaluation: 18 }],
    [february2026, [], 'intelPckCrl platform', ['2026-02-18', '2026-03-20'], { revoked: 57 }],
    ['tdx/dcap-qvl/sgx_quote_collateral.json', [], 'intelPckCrl processor', ['2025-06-19', '2025-07-19'], {}],
    [
      go('sample_tcbInfo_response'),
      [go('tcbInfoIssuerChain.pem')],
      'intelTcbInfo 50806f000000',
      ['2023-06-18', '2023-07-18'],
      { evaluation: 15 },
    ],
    [
      go('sample_qeIdentity_response'),
      [go('qeIdentityIssuerChain.pem')],
      'intelQeIdentity',
      ['2023-06-08', '2023-07-08'],
      {},
    ],
    [
      go('pckcrl'),
      [go('pckCrlIssuerChain.pem')],
      'intelPckCrl platform',
      ['2023-06-08', '2023-07-08'],
      { revoked: 44 },
    ],
    [go('rootcrl.der'), [go('pckCrlIssuerChain.pem')], 'intelRootCrl', ['2023-04-03', '2024-04-02'], { revoked: 0 }],
    [
      go('sample_tcbinfo_response_v5'),
      [chain2032],
      'intelTcbInfo 90c06f000000',
      ['2026-02-01', '2026-03-03'],
      { evaluation: 18 },
    ],
    [
      'tdx/trustee/tcbInfo.json',
      [chain2032],
      'intelTcbInfo 00a06d080000',
      ['2025-10-27', '2025-11-26'],
      { evaluation: 17 },
    ],
    // A day later than the manifest's row, which gives the dates of the TCB info beside it.
    ['tdx/trustee/enclaveIdentity.json', [chain2032], 'intelQeIdentity', ['2025-10-28', '2025-11-27'], {}],
    [
      'tdx/dcap-qvl/root_ca_crl_2025-03-20.der',
      [pckChain],
      'intelRootCrl',
      ['2025-03-20', '2026-04-03'],
      { revoked: 0 },
    ],
    [
      'tdx/dcap-qvl/pck_crl_2026-02-18.der',
      [pckChain],
      'intelPckCrl platform',
      ['2026-02-18', '2026-03-20'],
      { revoked: 57 },
    ],
  ];
  const kinds = { kind: 'Intel collateral' } as const;
  return [
    ...items.flatMap(([file, beside, key, [issued, until], fields]) => {
      const common = { ...kinds, file, beside, key };
      const last = secondsAfter(until, -86_400).toISOString();
      return [
        itemRow({ ...common, at: last, fields: { issued, until, ...fields } }),
        itemRow({ ...common, at: secondsAfter(until, 2 * 86_400).toISOString(), failures: ['collateral-expired'] }),
      ];
    }),
    // The TCB signing certificate of 2018 ended in May 2025: nothing of 2026 is valid under it, though its key is the same.
    itemRow({
      ...kinds,
      file: go('sample_tcbinfo_response_v5'),
      beside: [go('tcbInfoIssuerChain.pem')],
      key: 'intelTcbInfo 90c06f000000',
      at: '2026-02-20T00:00:00Z',
      failures: ['collateral-expired'],
    }),
    itemRow({
      ...kinds,
      file: 'tdx/dcap-qvl/sgx_quote_collateral.json',
      key: 'intelQeIdentity',
      at: '2025-06-20T00:00:00Z',
      failures: ['tdx-collateral-malformed'],
    }),
  ];
}

export function tdxRows(): readonly Row[] {
  const quotes = z
    .looseObject({ tdx: z.array(z.looseObject({ f: z.string() })) })
    .parse(JSON.parse(textOf('expected.json')));
  const rows = manifestTable('quote', 'ver/body').flatMap((row) => {
    const sample = quotes.tdx.find(({ f }) => f === row['quote']);
    if (sample === undefined) throw new Error(`${row['quote'] ?? ''} is not in expected.json`);
    const whole = { rtmr: ['', '', '', ''], tee_tcb_svn: '', mrseam: '', seamattr: '', tdattr: '', xfam: '' };
    // The SGX quote has none of a TD's fields.
    const parsed = tdxSampleSchema.parse(
      sample.f === sgxQuote ? { mrtd: '', mrconfigid: '', ...whole, ...sample } : sample,
    );
    return quoteRows(row, parsed);
  });
  return [...rows, ...togetherRows(), ...collateralRows()];
}
