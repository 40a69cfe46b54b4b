// The manifest's SEV-SNP reports, their certificates and AMD's revocation lists, each at the times that the manifest names.
import { z } from 'zod';
import { keyName } from '@wardround/attestation/collateral/item-key';
import { recognise } from '@wardround/attestation/collateral/recognise';
import { genuineRoots, requireCurrent } from '@wardround/attestation/collateral/verified-item';
import { verifyItem } from '@wardround/attestation/collateral/verify-item';
import { amdRoots } from '@wardround/attestation/roots';
import { inspectSnp } from '@wardround/attestation/snp/inspect';
import { tcbOrder } from '@wardround/attestation/snp/tcb';
import { parseCrl } from '@wardround/attestation/x509/crl';
import type { SnpSample } from '../expected.ts';
import { snpSampleSchema } from '../expected.ts';
import { vector } from '../vectors.ts';
import type { Judged, Row } from './row.ts';
import { judgedCall, judgedSteps, manifestTable, secondsAfter, textOf } from './row.ts';

interface Presented {
  readonly report: string;
  readonly certificates: readonly string[];
  readonly crls?: readonly string[];
  readonly at: Date;
}

function inspect({ report, certificates, crls = [], at }: Presented): Judged {
  return judgedSteps(
    inspectSnp({
      report: vector(report),
      certificates: certificates.map(vector),
      crls: crls.map(vector),
      at,
      trustedRoots: amdRoots,
    }),
  );
}

function chainsOf({ certExt }: SnpSample): readonly string[] {
  const line = (certExt.product.split('-')[0] ?? '').toLowerCase();
  const vlek = certExt.csp !== undefined;
  const own = `snp/chains/ask_ark_${line}${vlek ? '_vlek' : line === 'turin' ? '_vcek' : ''}.pem`;
  return [own, `snp/chains/trustee_${line}_ask_ark_asvk.pem`];
}

function fieldsOf(sample: SnpSample, row: Readonly<Record<string, string>>): Record<string, unknown> {
  const [family, model, stepping] = Buffer.from(sample.cpuid, 'hex');
  const product = sample.certExt.product.split('-')[0];
  const tcb = (hex: string): Record<string, number> => tcbOf(hex, product);
  const prefix = row['measurement (first 16 B)'] ?? '';
  if (!sample.measurement.startsWith(prefix)) throw new Error('the manifest and expected.json differ');
  return {
    version: Number(row['ver']),
    vmpl: Number(row['VMPL']),
    policy: row['policy'],
    product,
    guestSvn: sample.guest_svn,
    platformInfo: sample.plat_info,
    signingKey: sample.signing_key,
    chipKeyMasked: sample.mask_chip === 1,
    authorKeyEnabled: sample.author_key_en === 1,
    reportData: sample.report_data,
    measurement: sample.measurement,
    hostData: sample.host_data,
    idKeyDigest: sample.id_key_digest,
    reportId: sample.report_id,
    chipId: sample.chip_id,
    cpuid: sample.version < 3 ? null : { family, model, stepping },
    reportedTcb: tcb(sample.reported_tcb),
    currentTcb: tcb(sample.current_tcb),
    committedTcb: tcb(sample.committed_tcb),
    launchTcb: tcb(sample.launch_tcb),
    currentVersion: versionOf(sample.cur_build),
    committedVersion: versionOf(sample.com_build),
    launchMitVector: littleEndian(sample.launch_mit),
    currentMitVector: littleEndian(sample.current_mit),
    certificate: {
      kind: sample.certExt.csp === undefined ? 'VCEK' : 'VLEK',
      product,
      tcb: tcb(sample.reported_tcb),
      notBefore: sample.certValidFrom,
      notAfter: sample.certValidTo,
      hardwareId: sample.certExt.hwid ?? null,
      provider: sample.certExt.csp ?? null,
    },
  };
}

function tcbOf(hex: string, product: string | undefined): Record<string, number> {
  const bytes = Buffer.from(hex, 'hex');
  const order = Object.entries(tcbOrder(product === 'Turin' ? 'Turin' : 'Genoa'));
  return Object.fromEntries(order.map(([component, position]) => [component, bytes[position] ?? -1]));
}

function versionOf(text: string): Record<string, number> {
  const [build, minor, major] = text.split('.').map(Number);
  return { build: build ?? -1, minor: minor ?? -1, major: major ?? -1 };
}

function littleEndian(hex: string): string {
  return `0x${Buffer.from(hex, 'hex').readBigUInt64LE().toString(16)}`;
}

const kind = 'SEV-SNP report';

function rowsOf(sample: SnpSample, row: Readonly<Record<string, string>>): readonly Row[] {
  const { report, cert, certValidFrom, certValidTo } = sample;
  const chains = chainsOf(sample);
  const common = { kind, file: report } as const;
  const good = chains.map((chain): Row => {
    const certificates = [cert, chain];
    const at = secondsAfter(certValidFrom, 86_400);
    const what = `a day after its certificate begins, ${at.toISOString()}`;
    const fields = fieldsOf(sample, row);
    return {
      ...common,
      beside: certificates,
      what,
      failures: [],
      fields,
      judge: () => inspect({ report, certificates, at }),
    };
  });
  const certificates = [cert, ...chains.slice(0, 1)];
  const untimely = [
    [secondsAfter(certValidFrom, -1), 'snp-not-yet-valid'],
    [secondsAfter(certValidTo, 1), 'snp-expired'],
  ] as const;
  return [
    ...good,
    ...untimely.map(([at, code]): Row => {
      const failures = [`validity: ${code}`];
      return { ...common, what: at.toISOString(), failures, judge: () => inspect({ report, certificates, at }) };
    }),
  ];
}

const milan = { report: 'snp/ms-tee-av/milan_attestation_report.bin', cert: 'snp/ms-tee-av/milan_vcek.pem' };
const genoa = { report: 'snp/ms-tee-av/genoa_attestation_report.bin', cert: 'snp/ms-tee-av/genoa_vcek.pem' };

function pairRows(): readonly Row[] {
  const milanChain = 'snp/chains/ask_ark_milan.pem';
  const current = 'snp/crl/milan-2026-06-22.crl.der';
  const forged = ['legacy', 'new'].map((name): Row => {
    const certificates = [`snp/trustee/test-vcek-invalid-${name}.der`, milanChain];
    const report = 'snp/trustee/test-report.bin';
    return {
      kind,
      file: report,
      beside: certificates,
      what: `with a forged certificate (${name})`,
      failures: [
        'chain: snp-chain',
        'reported-tcb: snp-tcb-mismatch',
        'chip-id: snp-chip-mismatch',
        'signature: snp-signature',
      ],
      judge: () => inspect({ report, certificates, at: new Date('2026-03-01T00:00:00Z') }),
    };
  });
  const listed = (
    [
      [milan, current, '2026-07-01T00:00:00Z', []],
      [milan, current, '2026-06-01T00:00:00Z', ['revocation: snp-crl-not-yet-valid']],
      [milan, current, '2026-08-09T00:00:00Z', ['revocation: snp-crl-expired']],
      [milan, 'snp/crl/openpcc_milan.crl.der', '2026-03-01T00:00:00Z', []],
      [milan, 'snp/crl/openpcc_milan.crl.der', '2026-05-13T00:00:00Z', ['revocation: snp-crl-expired']],
      [genoa, 'snp/crl/openpcc_genoa.crl.der', '2026-03-01T00:00:00Z', ['revocation: snp-crl-expired']],
      [milan, 'snp/crl/openpcc_genoa.crl.der', '2026-03-01T00:00:00Z', ['revocation: snp-crl-issuer']],
    ] as const
  ).map(([{ report, cert }, crl, at, failures]): Row => {
    const product = cert.includes('genoa') ? 'genoa' : 'milan';
    const certificates = [cert, `snp/ms-tee-av/${product}_ask.pem`, `snp/ms-tee-av/${product}_ark.pem`];
    return {
      kind,
      file: report,
      beside: [...certificates, crl],
      what: `with ${crl} at ${at}`,
      failures,
      judge: () => inspect({ report, certificates, crls: [crl], at: new Date(at) }),
    };
  });
  return [...forged, ...listed];
}

interface Item {
  readonly kind: 'AMD certificates' | 'AMD CRL' | 'Intel collateral';
  readonly file: string;
  readonly beside?: readonly string[];
  readonly key: string;
  readonly at: string;
  readonly failures?: readonly string[];
  readonly fields?: Readonly<Record<string, unknown>>;
}

/** One item of collateral as the mirror takes it in, then judged at an instant. */
export function itemRow({ key, at, failures = [], fields = {}, beside = [], ...row }: Item): Row {
  return {
    ...row,
    beside,
    what: `${key} at ${at}`,
    failures,
    fields: failures.length === 0 ? { name: key, ...fields } : {},
    judge: async () =>
      await judgedCall(() => {
        const files = [row.file, ...beside].map((name) => ({ name, bytes: vector(name) }));
        const found = recognise(files, new Date(at)).items.filter((item) => keyName(item.key).startsWith(key));
        const [item] = found;
        if (item === undefined || found.length !== 1) throw new Error(`${row.file}: ${found.length} items ${key}`);
        const verified = verifyItem(item.key, item.files, genuineRoots);
        requireCurrent(verified, new Date(at));
        return {
          name: key,
          issued: verified.issued.toISOString().slice(0, 10),
          until: verified.validUntil.toISOString().slice(0, 10),
          evaluation: verified.edition[0],
          revoked: key.includes('Crl') ? parseCrl(item.files.content).revoked.size : 0,
        };
      }),
  };
}

const ark = { Milan: '2045-10-22', Genoa: '2047-01-26', Turin: '2048-05-15' } as const;

function certificateRows(): readonly Row[] {
  const products = ['Milan', 'Genoa', 'Turin'] as const;
  const chain = (file: string, product: (typeof products)[number], signer: 'vcek' | 'vlek'): Row =>
    itemRow({
      kind: 'AMD certificates',
      file,
      key: `amdCertChain ${product} ${signer}`,
      at: '2026-03-01T00:00:00Z',
      fields: { until: ark[product] },
    });
  const published = products.flatMap((product) => {
    const line = product.toLowerCase();
    const turin = product === 'Turin' ? '_vcek' : '';
    const bundle = `snp/chains/trustee_${line}_ask_ark_asvk.pem`;
    return [
      chain(`snp/chains/ask_ark_${line}${turin}.pem`, product, 'vcek'),
      chain(`snp/chains/ask_ark_${line}_vlek.pem`, product, 'vlek'),
      chain(bundle, product, 'vcek'),
      chain(bundle, product, 'vlek'),
    ];
  });
  const leaf = (file: string, beside: readonly string[], product: string, at: string): Row =>
    itemRow({ kind: 'AMD certificates', file, beside, key: `amdVcek ${product}`, at });
  return [
    ...published,
    chain('snp/go-sev-guest/milan.testcer', 'Milan', 'vcek'),
    chain('snp/go-sev-guest/milanvlek.testcer', 'Milan', 'vlek'),
    leaf('azure/az-snp-vtpm/vcek.pem', [], 'Milan', '2024-01-01T00:00:00Z'),
    leaf('azure/kinvolk/certs.pem', [], 'Milan', '2024-01-01T00:00:00Z'),
    leaf('azure/az-snp-vtpm/vcek-genoa.pem', ['snp/chains/ask_ark_genoa.pem'], 'Genoa', '2025-06-01T00:00:00Z'),
    leaf('snp/go-sev-guest/vcek.testcer', ['snp/go-sev-guest/milan.testcer'], 'Milan', '2024-01-01T00:00:00Z'),
    leaf(
      'snp/ms-tee-av/turin_vcek.pem',
      ['snp/ms-tee-av/turin_ask.pem', 'snp/ms-tee-av/turin_ark.pem'],
      'Turin',
      '2026-03-01T00:00:00Z',
    ),
  ];
}

function crlRows(): readonly Row[] {
  const list = (
    file: string,
    product: 'Milan' | 'Genoa',
    window: readonly [string, string, number],
  ): readonly Row[] => {
    const [issued, until, revoked] = window;
    const common = {
      kind: 'AMD CRL',
      file,
      beside: [`snp/chains/ask_ark_${product.toLowerCase()}.pem`],
      key: `amdCrl ${product} vcek`,
    } as const;
    const late = secondsAfter(until, 2 * 86_400).toISOString();
    const early = secondsAfter(issued, -86_400).toISOString();
    return [
      itemRow({ ...common, at: secondsAfter(until, -86_400).toISOString(), fields: { issued, until, revoked } }),
      itemRow({ ...common, at: late, failures: ['collateral-expired'] }),
      itemRow({ ...common, at: early, failures: ['collateral-not-yet-valid'] }),
    ];
  };
  return [
    ...list('snp/crl/openpcc_genoa.crl.der', 'Genoa', ['2024-10-23', '2025-11-03', 1]),
    ...list('snp/crl/openpcc_milan.crl.der', 'Milan', ['2025-05-06', '2026-05-12', 0]),
    ...list('snp/crl/milan-2026-06-22.crl.der', 'Milan', ['2026-06-22', '2026-08-08', 0]),
  ];
}

export function snpRows(): readonly Row[] {
  const samples = z.looseObject({ snp: z.array(snpSampleSchema) }).parse(JSON.parse(textOf('expected.json'))).snp;
  const reports = manifestTable('report', 'cert').flatMap((row) => {
    const sample = samples.find(({ report }) => report === row['report']);
    if (sample === undefined) throw new Error(`${row['report'] ?? ''} is not in expected.json`);
    return rowsOf(sample, row);
  });
  return [...reports, ...pairRows(), ...certificateRows(), ...crlRows()];
}
