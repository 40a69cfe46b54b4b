// Genuine evidence part by part, each with the inspection that it is a part of: what the long suites flip, cut, lengthen and splice.
import type { Bytes } from '@wardround/protocol/bytes';
import { copyBytes } from '@wardround/protocol/bytes';
import { parseAzureEvidence } from '@wardround/attestation/azure/evidence-file';
import { inspectAzureSnp } from '@wardround/attestation/azure/inspect';
import { inspectAzureTdx } from '@wardround/attestation/azure/inspect-tdx';
import { parseNvidiaCertificates } from '@wardround/attestation/nvidia/chain';
import { readReportFile } from '@wardround/attestation/nvidia/evidence-files';
import { inspectNvidia } from '@wardround/attestation/nvidia/inspect';
import { parseNvidiaReport } from '@wardround/attestation/nvidia/report';
import { nvidiaRoots } from '@wardround/attestation/nvidia/roots';
import { requireReportSignature } from '@wardround/attestation/nvidia/verify';
import { amdRoots } from '@wardround/attestation/roots';
import { inspectSnp } from '@wardround/attestation/snp/inspect';
import type { Step } from '@wardround/attestation/steps';
import { noCollateral } from '@wardround/attestation/tdx/collateral';
import { readQuoteCertificates } from '@wardround/attestation/tdx/chain';
import { parseTdxQuote } from '@wardround/attestation/tdx/quote';
import { intelRoots } from '@wardround/attestation/tdx/roots';
import { readSignedJson, requireSignedBy } from '@wardround/attestation/tdx/signed-json';
import { inspectTpm } from '@wardround/attestation/tpm/inspect';
import { tpmRoots } from '@wardround/attestation/tpm/roots';
import type { Certificate } from '@wardround/attestation/x509/certificate';
import { parseCertificates, requireIssuedBy } from '@wardround/attestation/x509/certificate';
import { parseCrl, requireCrlSignedBy } from '@wardround/attestation/x509/crl';
import { ecdsaP256Sha256, rsa4096PssSha384 } from '@wardround/attestation/x509/signature-scheme';
import { collateralOf, inspectAt, quoteOf } from './tdx-samples.ts';
import { vector } from './vectors.ts';

export interface Judged {
  readonly authentic: boolean;
  readonly steps: readonly Step[];
}

export interface HostileSample {
  readonly name: string;
  readonly bytes: Bytes;
  readonly judge: (bytes: Bytes) => Judged;
  /** Every bit always; or, of what takes minutes, one of each byte (a different one from byte to byte) unless WARDROUND_EVERY_BIT is set; or nothing at all without that. */
  readonly bits: 'all' | 'everyBit' | 'onlyEveryBit';
  /** A part of the inspection that is cheaper than the whole: what it refuses, the whole refuses. What it lets pass is judged whole. */
  readonly stage?: (bytes: Bytes) => void;
  /** Why a change of this bit may pass; undefined where it must not. */
  readonly unsigned?: (offset: number, flipped: number) => string | undefined;
  /** Why these bytes may follow, or be missing. */
  readonly mayFollow?: (tail: Bytes) => string | undefined;
}

function snpSamples(): readonly HostileSample[] {
  const chain = vector('snp/chains/ask_ark_milan.pem');
  const report = vector('snp/go-sev-guest/attestation.bin');
  const leaf = vector('snp/go-sev-guest/vcek.testcer');
  const crl = vector('snp/crl/openpcc_milan.crl.der');
  const at = new Date('2026-03-01T00:00:00Z');
  const [intermediate, root] = parseCertificates([chain]);
  if (intermediate === undefined || root === undefined) throw new Error('no chain');
  const inspect = (given: { report?: Bytes; leaf?: Bytes; crl?: Bytes }): Judged =>
    inspectSnp({
      report: given.report ?? report,
      certificates: [given.leaf ?? leaf, chain],
      crls: given.crl === undefined ? [] : [given.crl],
      at,
      trustedRoots: amdRoots,
    });
  const turin = vector('snp/ms-tee-av/turin_attestation_report.bin');
  const turinChain = ['vcek', 'ask', 'ark'].map((name) => vector(`snp/ms-tee-av/turin_${name}.pem`));
  return [
    { name: 'SNP report, version 2', bytes: report, bits: 'all', judge: (bytes) => inspect({ report: bytes }) },
    {
      name: 'SNP report, version 5',
      bytes: turin,
      bits: 'all',
      judge: (bytes) => inspectSnp({ report: bytes, certificates: turinChain, crls: [], at, trustedRoots: amdRoots }),
    },
    {
      name: 'VCEK',
      bytes: leaf,
      bits: 'everyBit',
      stage: (bytes) => requireIssuedBy(onlyCertificate(bytes), intermediate, rsa4096PssSha384),
      judge: (bytes) => inspect({ leaf: bytes }),
    },
    {
      name: 'AMD CRL',
      bytes: crl,
      bits: 'all',
      stage: (bytes) => requireCrlSignedBy(parseCrl(bytes), root, rsa4096PssSha384),
      judge: (bytes) => inspect({ crl: bytes }),
    },
  ];
}

/** One certificate in DER. */
export function onlyCertificate(der: Bytes): Certificate {
  const [certificate] = parseCertificates([der]);
  if (certificate === undefined) throw new Error('no certificate');
  return certificate;
}

/** Hex digits of a signature may be written in either case; white space around the members is not signed. */
function signatureCase(text: Bytes): (offset: number, flipped: number) => string | undefined {
  return (offset, flipped) => {
    const before = text[offset] ?? 0;
    const isLetter = /^[a-fA-F]$/.test(String.fromCharCode(before));
    return isLetter && (before ^ flipped) === 0x20 && offset > text.byteLength - 140
      ? 'case of a hex digit of the signature'
      : undefined;
  };
}

const isZeros = (tail: Bytes): boolean => tail.every((byte) => byte === 0);
const zeroPadding = (tail: Bytes): string | undefined =>
  isZeros(tail) ? 'zero padding, as hardware leaves it' : undefined;
const isBlank = (tail: Bytes): boolean => tail.every((byte) => byte === 0x20 || byte === 0x0a);

function tdxSamples(): readonly HostileSample[] {
  const at = '2026-02-20T00:00:00Z';
  const quote = quoteOf('tdx/go-tdx-guest/quote_v5_sample.dat');
  const old = quoteOf('tdx/dcap-qvl/tdx_quote').slice(0, -70);
  const whole = collateralOf('tdx/dcap-qvl/tdx_quote_outdated_collateral.json');
  const [, authority, root] = readQuoteCertificates(parseTdxQuote(quote).pckChain);
  const [signer] = parseCertificates(whole.tcbInfoIssuerChain);
  if (signer === undefined) throw new Error('no signer');
  const document = (member: 'tcbInfo' | 'enclaveIdentity') => (bytes: Bytes) =>
    requireSignedBy(readSignedJson(bytes, member), { signer, root }, member);
  const stages = {
    tcbInfo: document('tcbInfo'),
    qeIdentity: document('enclaveIdentity'),
    pckCrl: (bytes: Bytes) => requireCrlSignedBy(parseCrl(bytes), authority, ecdsaP256Sha256),
    rootCrl: (bytes: Bytes) => requireCrlSignedBy(parseCrl(bytes), root, ecdsaP256Sha256),
  };
  const part = (name: 'tcbInfo' | 'qeIdentity' | 'pckCrl' | 'rootCrl'): HostileSample => {
    const bytes = copyBytes(whole[name] ?? new Uint8Array());
    const isJson = name === 'tcbInfo' || name === 'qeIdentity';
    return {
      name: `TDX ${name}`,
      bytes,
      bits: name === 'pckCrl' ? 'everyBit' : 'all',
      stage: stages[name],
      judge: (changed) => inspectAt({ quote, collateral: { ...whole, [name]: changed }, at }),
      ...(isJson ? { unsigned: signatureCase(bytes) } : {}),
      ...(isJson ? { mayFollow: (tail) => (isBlank(tail) ? 'white space behind JSON' : undefined) } : {}),
    };
  };
  return [
    {
      name: 'TDX quote, version 5',
      bytes: quote,
      bits: 'everyBit',
      judge: (bytes) => inspectAt({ quote: bytes, at }),
      mayFollow: zeroPadding,
    },
    {
      name: 'TDX quote, version 4',
      bytes: old,
      bits: 'everyBit',
      judge: (bytes) => inspectAt({ quote: bytes, at: '2025-06-20T00:00:00Z' }),
      mayFollow: zeroPadding,
    },
    ...(['tcbInfo', 'qeIdentity', 'pckCrl', 'rootCrl'] as const).map(part),
  ];
}

function nvidiaSamples(): readonly HostileSample[] {
  const sdk = 'nvidia/attestation-sdk';
  const sample = (name: string, report: string, chain: string): HostileSample => {
    const certificates = [vector(`${sdk}/${chain}`)];
    const [leaf] = parseNvidiaCertificates(certificates);
    if (leaf === undefined) throw new Error('no leaf');
    const shared = { rims: [], ocsp: [], at: new Date('2026-11-23T00:00:00Z'), trustedRoots: nvidiaRoots };
    return {
      name,
      bytes: readReportFile(vector(`${sdk}/${report}`)),
      bits: 'all',
      stage: (bytes) => requireReportSignature(parseNvidiaReport(bytes), leaf),
      judge: (bytes) => inspectNvidia({ devices: [{ report: bytes, certificates }], ...shared }),
    };
  };
  return [
    sample('NVIDIA report, Hopper', 'hopperAttestationReport.txt', 'hopperCertChain.txt'),
    sample('NVIDIA report, switch', 'switchAttestationReport.txt', 'switchCertChain.txt'),
    sample(
      'NVIDIA report, Blackwell',
      'sample_attestation_data/gpu/blackwellAttestationReport.txt',
      'sample_attestation_data/gpu/blackwellCertChain.txt',
    ),
  ];
}

function tpmSamples(): readonly HostileSample[] {
  const at = new Date('2026-01-01T00:00:00Z');
  const file = (name: string): Bytes => vector(`tpm/swtpm/${name}`);
  const inspect = (key: 'rsa' | 'ecc', given: { quote?: Bytes; signature?: Bytes; pcr?: Bytes }): Judged =>
    inspectTpm({
      quote: given.quote ?? file(`q2_${key}.msg`),
      signature: given.signature ?? file(`q2_${key}.sig`),
      key: file(`ak_${key}.pem`),
      certificates: [],
      crls: [],
      pcrs: { form: 'ordered', values: [given.pcr ?? file(`q2_${key}.pcrs`)] },
      nonce: undefined,
      eventLog: undefined,
      at,
      trustedRoots: tpmRoots,
    });
  return (['rsa', 'ecc'] as const).flatMap((key): readonly HostileSample[] => [
    { name: `TPM quote, ${key}`, bytes: file(`q2_${key}.msg`), bits: 'all', judge: (quote) => inspect(key, { quote }) },
    {
      name: `TPM signature, ${key}`,
      bytes: file(`q2_${key}.sig`),
      bits: 'all',
      judge: (signature) => inspect(key, { signature }),
    },
    { name: `TPM register, ${key}`, bytes: file(`q2_${key}.pcrs`), bits: 'all', judge: (pcr) => inspect(key, { pcr }) },
  ]);
}

/** What only the machine's own TDX module could check: CPUSVN and the MAC of the TDREPORT, which begins at byte 0x20. */
export function unsignedTdReport(offset: number): string | undefined {
  const inReport = offset - 0x20;
  const isCpuSvn = inReport >= 16 && inReport < 32;
  const isMac = inReport >= 224 && inReport < 256;
  return isCpuSvn || isMac ? 'CPUSVN and MAC of a TDREPORT, which its own machine alone can check' : undefined;
}

function azureSamples(): readonly HostileSample[] {
  const at = new Date('2025-06-01T00:00:00Z');
  const shared = { nonce: undefined, eventLog: undefined, at };
  const snp = parseAzureEvidence(vector('azure/az-snp-vtpm/evidence-v2.json'));
  const tdx = parseAzureEvidence(vector('azure/az-tdx-vtpm/evidence-v1.json'));
  const certificates = [vector('snp/chains/ask_ark_milan.pem')];
  return [
    {
      name: 'HCL report, SNP',
      bytes: snp.hclReport,
      bits: 'everyBit',
      mayFollow: zeroPadding,
      judge: (hclReport) =>
        inspectAzureSnp({ ...shared, evidence: { ...snp, hclReport }, certificates, crls: [], trustedRoots: amdRoots }),
    },
    {
      name: 'HCL report, TDX',
      bytes: tdx.hclReport,
      bits: 'everyBit',
      unsigned: unsignedTdReport,
      mayFollow: zeroPadding,
      judge: (hclReport) =>
        inspectAzureTdx({
          ...shared,
          evidence: { ...tdx, hclReport },
          collateral: noCollateral,
          extraCrls: [],
          trustedRoots: intelRoots,
        }),
    },
  ];
}

export function hostileSamples(): readonly HostileSample[] {
  return [...snpSamples(), ...tdxSamples(), ...nvidiaSamples(), ...tpmSamples(), ...azureSamples()];
}
