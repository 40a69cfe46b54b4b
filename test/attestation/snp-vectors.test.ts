// Every genuine SEV-SNP sample yields what its manifest says, and so do the negative ones.
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { amdRoots } from '@wardround/attestation/roots';
import { parseCrl } from '@wardround/attestation/x509/crl';
import type { SnpInspection } from '@wardround/attestation/snp/inspect';
import { inspectSnp } from '@wardround/attestation/snp/inspect';
import { tcbOrder } from '@wardround/attestation/snp/tcb';
import type { SnpSample } from './expected.ts';
import { snpSampleSchema } from './expected.ts';
import { haveVectors, vector } from './vectors.ts';

type Expected = SnpSample;

function samples(): readonly Expected[] {
  if (!haveVectors) return [];
  const text = Buffer.from(vector('expected.json')).toString('utf8');
  return z.looseObject({ snp: z.array(snpSampleSchema) }).parse(JSON.parse(text)).snp;
}

/** The chain of each product, from two independent copies. */
function chainsOf({ certExt }: Expected): readonly string[] {
  const line = (certExt.product.split('-')[0] ?? '').toLowerCase();
  const own =
    certExt.csp === undefined
      ? `snp/chains/ask_ark_${line}${line === 'turin' ? '_vcek' : ''}.pem`
      : `snp/chains/ask_ark_${line}_vlek.pem`;
  return [own, `snp/chains/trustee_${line}_ask_ark_asvk.pem`];
}

interface InspectOptions {
  readonly chain?: readonly string[];
  readonly crls?: readonly string[];
  readonly at?: string;
}

function inspect(sample: Pick<Expected, 'report' | 'cert'>, options: InspectOptions = {}): SnpInspection {
  return inspectSnp({
    report: vector(sample.report),
    certificates: [sample.cert, ...(options.chain ?? [])].map(vector),
    crls: (options.crls ?? []).map(vector),
    at: new Date(options.at ?? '2026-03-01T00:00:00Z'),
    trustedRoots: amdRoots,
  });
}

function step(inspection: SnpInspection, name: string): { status: string; code?: string } {
  const found = inspection.steps.find((candidate) => candidate.name === name);
  if (found === undefined) throw new Error(`no step ${name}`);
  return found.code === undefined ? { status: found.status } : { status: found.status, code: found.code };
}

function failures(inspection: SnpInspection): readonly string[] {
  return inspection.steps.filter(({ status }) => status === 'failed').map(({ name, code }) => `${name}: ${code ?? ''}`);
}

const samplesNow = samples();
const genoa = { report: 'snp/ms-tee-av/genoa_attestation_report.bin', cert: 'snp/ms-tee-av/genoa_vcek.pem' };
const genoaChain = ['snp/ms-tee-av/genoa_ask.pem', 'snp/ms-tee-av/genoa_ark.pem'];
const milan = { report: 'snp/ms-tee-av/milan_attestation_report.bin', cert: 'snp/ms-tee-av/milan_vcek.pem' };
const milanChain = ['snp/chains/ask_ark_milan.pem'];
const turin = { report: 'snp/ms-tee-av/turin_attestation_report.bin', cert: 'snp/ms-tee-av/turin_vcek.pem' };
const vlek = { report: 'snp/trustee/test-vlek-report.bin', cert: 'snp/trustee/test-vlek.der' };

describe.skipIf(!haveVectors)('genuine SEV-SNP reports', () => {
  it('are all there', () => {
    expect(samplesNow).toHaveLength(6);
  });

  it.each(samplesNow.map((sample) => [sample.report, sample] as const))(
    '%s is authentic while its certificate is valid',
    (_, sample) => {
      for (const chain of chainsOf(sample)) {
        const at = new Date(Date.parse(sample.certValidFrom) + 86_400_000).toISOString();
        const inspection = inspect(sample, { chain: [chain], at });
        expect(failures(inspection)).toEqual([]);
        expect(inspection.authentic).toBe(true);
        expect(inspection.simulated).toBe(false);
        expect(step(inspection, 'revocation')).toEqual({ status: 'not-evaluated' });
        expect(inspection.steps.filter(({ status }) => status !== 'ok')).toHaveLength(1);
      }
    },
  );

  it.each(samplesNow.map((sample) => [sample.report, sample] as const))('%s has the expected fields', (_, sample) => {
    const { fields } = inspect(sample, { chain: chainsOf(sample).slice(0, 1) });
    const [family, model, stepping] = Buffer.from(sample.cpuid, 'hex');
    const product = sample.certExt.product.split('-')[0];
    expect(fields).toMatchObject({
      version: sample.version,
      product,
      guestSvn: sample.guest_svn,
      policy: sample.policy,
      vmpl: sample.vmpl,
      platformInfo: sample.plat_info,
      signingKey: sample.signing_key,
      reportData: sample.report_data,
      measurement: sample.measurement,
      hostData: sample.host_data,
      idKeyDigest: sample.id_key_digest,
      reportId: sample.report_id,
      chipId: sample.chip_id,
      cpuid: sample.version < 3 ? null : { family, model, stepping },
      reportedTcb: componentsOf(sample.reported_tcb, product),
      currentTcb: componentsOf(sample.current_tcb, product),
      committedTcb: componentsOf(sample.committed_tcb, product),
      launchTcb: componentsOf(sample.launch_tcb, product),
      currentVersion: versionOf(sample.cur_build),
      committedVersion: versionOf(sample.com_build),
      launchMitVector: littleEndian(sample.launch_mit),
      currentMitVector: littleEndian(sample.current_mit),
      certificate: {
        kind: sample.certExt.csp === undefined ? 'VCEK' : 'VLEK',
        notBefore: sample.certValidFrom,
        notAfter: sample.certValidTo,
        hardwareId: sample.certExt.hwid ?? null,
        provider: sample.certExt.csp ?? null,
      },
    });
  });

  it.each(samplesNow.map((sample) => [sample.report, sample] as const))(
    '%s has expired one second after its last',
    (_, sample) => {
      const at = new Date(Date.parse(sample.certValidTo) + 1000).toISOString();
      expect(failures(inspect(sample, { chain: chainsOf(sample), at }))).toEqual(['validity: snp-expired']);
      const early = new Date(Date.parse(sample.certValidFrom) - 1000).toISOString();
      expect(failures(inspect(sample, { chain: chainsOf(sample), at: early }))).toEqual([
        'validity: snp-not-yet-valid',
      ]);
    },
  );
});

function componentsOf(hex: string, product: string | undefined): Record<string, number> {
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

describe.skipIf(!haveVectors)('genuine evidence that does not fit together', () => {
  it('a real report with the certificate of another chip', () => {
    const report = vector('azure/kinvolk/hcl-report-snp.bin').slice(0x20, 0x20 + 1184);
    const inspection = inspectSnp({
      report,
      certificates: [vector('azure/kinvolk/certs.pem')],
      crls: [],
      at: new Date('2024-06-01T00:00:00Z'),
      trustedRoots: amdRoots,
    });
    expect(step(inspection, 'chain')).toEqual({ status: 'ok' });
    expect(step(inspection, 'reported-tcb')).toEqual({ status: 'ok' });
    expect(step(inspection, 'chip-id')).toEqual({ status: 'failed', code: 'snp-chip-mismatch' });
    expect(step(inspection, 'signature')).toEqual({ status: 'failed', code: 'snp-signature' });
    expect(inspection.authentic).toBe(false);
  });

  it.each(['snp/trustee/test-vcek-invalid-legacy.der', 'snp/trustee/test-vcek-invalid-new.der'])(
    'a forged leaf: %s',
    (cert) => {
      const inspection = inspect({ report: 'snp/trustee/test-report.bin', cert }, { chain: milanChain });
      expect(step(inspection, 'leaf')).toEqual({ status: 'ok' });
      expect(step(inspection, 'chain')).toEqual({ status: 'failed', code: 'snp-chain' });
      expect(step(inspection, 'signature')).toEqual({ status: 'failed', code: 'snp-signature' });
      expect(step(inspection, 'chip-id')).toEqual({ status: 'failed', code: 'snp-chip-mismatch' });
      expect(step(inspection, 'validity')).toEqual({ status: 'not-evaluated' });
      expect(inspection.authentic).toBe(false);
    },
  );

  it('a debug guest is authentic: whether it is wanted is a matter of policy', () => {
    const sample = { report: 'snp/go-sev-guest/attestation.bin', cert: 'snp/go-sev-guest/vcek.testcer' };
    const inspection = inspect(sample, { chain: ['snp/go-sev-guest/milan.testcer'] });
    expect(inspection.authentic).toBe(true);
    expect(inspection.fields?.policy).toBe('0xb0000');
  });

  it('a VLEK that has expired', () => {
    const chain = ['snp/go-sev-guest/milanvlek.testcer'];
    expect(inspect(vlek, { chain, at: '2025-06-01T00:00:00Z' }).authentic).toBe(true);
    expect(failures(inspect(vlek, { chain, at: '2026-06-01T00:00:00Z' }))).toEqual(['validity: snp-expired']);
  });

  it('a VLEK under the intermediate of VCEKs', () => {
    expect(failures(inspect(vlek, { chain: milanChain, at: '2025-06-01T00:00:00Z' }))).toEqual([
      'chain: snp-chain-incomplete',
    ]);
  });

  it('no chain, half a chain, the chain of another product', () => {
    expect(failures(inspect(genoa))).toEqual(['chain: snp-chain-incomplete']);
    expect(failures(inspect(genoa, { chain: ['snp/ms-tee-av/genoa_ask.pem'] }))).toEqual([
      'chain: snp-chain-incomplete',
    ]);
    expect(failures(inspect(genoa, { chain: milanChain }))).toEqual(['chain: snp-chain-incomplete']);
  });

  it('a root that is genuine but not trusted here', () => {
    const inspection = inspectSnp({
      report: vector(genoa.report),
      certificates: [genoa.cert, ...genoaChain].map(vector),
      crls: [],
      at: new Date('2026-03-01T00:00:00Z'),
      trustedRoots: amdRoots.filter((root) => root.kind === 'genuine' && root.product !== 'Genoa'),
    });
    expect(failures(inspection)).toEqual(['chain: snp-root-untrusted']);
  });

  it('the report of one product with the certificates of another', () => {
    const inspection = inspect({ report: turin.report, cert: genoa.cert }, { chain: genoaChain });
    expect(failures(inspection)).toEqual([
      'product: snp-product',
      'chip-id: snp-chip-mismatch',
      'signature: snp-signature',
    ]);
    expect(step(inspection, 'reported-tcb')).toEqual({ status: 'not-evaluated' });
  });

  it('another chip’s leaf beside its own, which is none; two leaves of others', () => {
    expect(failures(inspect(genoa, { chain: [milan.cert, ...genoaChain] }))).toEqual([]);
    const others = { report: genoa.report, cert: milan.cert };
    expect(failures(inspect(others, { chain: [turin.cert, ...genoaChain] }))).toEqual(['leaf: snp-leaf-ambiguous']);
  });
});

describe.skipIf(!haveVectors)('genuine revocation lists', () => {
  const current = 'snp/crl/milan-2026-06-22.crl.der';

  it('clear a chain while they are in date', () => {
    expect(
      step(inspect(milan, { chain: milanChain, crls: [current], at: '2026-07-01T00:00:00Z' }), 'revocation'),
    ).toEqual({ status: 'ok' });
    expect(step(inspect(milan, { chain: milanChain, crls: ['snp/crl/openpcc_milan.crl.der'] }), 'revocation')).toEqual({
      status: 'ok',
    });
    const both = ['snp/crl/openpcc_milan.crl.der', current];
    expect(step(inspect(milan, { chain: milanChain, crls: both, at: '2026-07-01T00:00:00Z' }), 'revocation')).toEqual({
      status: 'ok',
    });
  });

  it('clear a VLEK as well: both intermediates are issued by the same root', () => {
    const options = {
      chain: ['snp/chains/ask_ark_milan_vlek.pem'],
      crls: ['snp/crl/openpcc_milan.crl.der'],
      at: '2025-06-01T00:00:00Z',
    };
    expect(step(inspect(vlek, options), 'revocation')).toEqual({ status: 'ok' });
  });

  it.each([
    ['before their first day', current, '2026-06-01T00:00:00Z', 'snp-crl-not-yet-valid'],
    ['after their last day', current, '2026-08-09T00:00:00Z', 'snp-crl-expired'],
    ['of another root', 'snp/crl/openpcc_genoa.crl.der', '2026-07-01T00:00:00Z', 'snp-crl-issuer'],
  ])('are refused %s', (_, crl, at, code) => {
    const inspection = inspect(milan, { chain: milanChain, crls: [crl], at });
    expect(step(inspection, 'revocation')).toEqual({ status: 'failed', code });
    expect(inspection.authentic).toBe(false);
  });

  it('name the first Genoa intermediate as revoked', () => {
    expect([...parseCrl(vector('snp/crl/openpcc_genoa.crl.der')).revoked]).toEqual(['020001']);
    expect(parseCrl(vector(current)).revoked.size).toBe(0);
  });
});
