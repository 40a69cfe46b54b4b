// More genuine evidence for flipping bits alone: every other report, quote, certificate and manifest that the collection has and that passes.
import { z } from 'zod';
import type { Bytes } from '@wardround/protocol/bytes';
import { copyBytes, toHex } from '@wardround/protocol/bytes';
import type { AzureEvidence } from '@wardround/attestation/azure/evidence-file';
import { parseAzureEvidence } from '@wardround/attestation/azure/evidence-file';
import { inspectAzureSnp } from '@wardround/attestation/azure/inspect';
import { inspectAzureTdx } from '@wardround/attestation/azure/inspect-tdx';
import { parseNvidiaCertificates } from '@wardround/attestation/nvidia/chain';
import { readEvidenceList, readReportFile } from '@wardround/attestation/nvidia/evidence-files';
import type { PresentedDevice } from '@wardround/attestation/nvidia/inspect';
import { inspectNvidia } from '@wardround/attestation/nvidia/inspect';
import { parseNvidiaReport } from '@wardround/attestation/nvidia/report';
import { openRim, verifyRim, verifyRimSignature } from '@wardround/attestation/nvidia/rim/verify';
import { nvidiaRoots } from '@wardround/attestation/nvidia/roots';
import { requireReportSignature } from '@wardround/attestation/nvidia/verify';
import { amdRoots } from '@wardround/attestation/roots';
import { inspectSnp } from '@wardround/attestation/snp/inspect';
import { noCollateral } from '@wardround/attestation/tdx/collateral';
import { intelRoots } from '@wardround/attestation/tdx/roots';
import { inspectTpm } from '@wardround/attestation/tpm/inspect';
import { tpmRoots } from '@wardround/attestation/tpm/roots';
import { parseCertificates, requireIssuedBy } from '@wardround/attestation/x509/certificate';
import { ecdsaP384Sha384, rsa4096PssSha384 } from '@wardround/attestation/x509/signature-scheme';
import { readArmoured } from '@wardround/attestation/x509/pem';
import { snpSampleSchema, tdxSampleSchema } from './expected.ts';
import type { HostileSample, Judged } from './hostile-samples.ts';
import { onlyCertificate, unsignedTdReport } from './hostile-samples.ts';
import { secondsAfter } from './manifest/row.ts';
import { inspectAt, quoteOf } from './tdx-samples.ts';
import { vector } from './vectors.ts';

const expectedSchema = z.looseObject({
  snp: z.array(snpSampleSchema),
  tdx: z.array(z.looseObject({ f: z.string() })),
  rim: z.array(z.looseObject({ f: z.string(), sig: z.boolean(), chain: z.boolean() })),
});
const expected = (): z.infer<typeof expectedSchema> =>
  expectedSchema.parse(JSON.parse(Buffer.from(vector('expected.json')).toString('utf8')));

const day = 86_400;

/** Reports, and the certificates of the keys that signed them (VCEK and VLEK). */
function snpSamples(): readonly HostileSample[] {
  const chains: Readonly<Record<string, string>> = { Genoa: 'genoa', Turin: 'turin_vcek', 'Milan-B0': 'milan' };
  return expected().snp.flatMap(({ report: name, cert, certExt, certValidFrom }): readonly HostileSample[] => {
    const report = vector(name);
    const [leaf] = readArmoured([vector(cert)], { label: 'CERTIFICATE', maxInputBytes: 65_536, maxObjects: 1 });
    const chain = vector(`snp/chains/ask_ark_${chains[certExt.product] ?? 'milan_vlek'}.pem`);
    const [intermediate] = parseCertificates([chain]);
    if (leaf === undefined || intermediate === undefined) throw new Error(`no chain for ${name}`);
    const at = secondsAfter(certValidFrom, day);
    const inspect = (given: { report?: Bytes; leaf?: Bytes }): Judged =>
      inspectSnp({
        report: given.report ?? report,
        certificates: [given.leaf ?? leaf, chain],
        crls: [],
        at,
        trustedRoots: amdRoots,
      });
    return [
      { name, bytes: report, bits: 'all', judge: (bytes) => inspect({ report: bytes }) },
      {
        name: cert,
        bytes: leaf,
        bits: 'everyBit',
        stage: (bytes) => requireIssuedBy(onlyCertificate(bytes), intermediate, rsa4096PssSha384),
        judge: (bytes) => inspect({ leaf: bytes }),
      },
    ];
  });
}

/** Not the quote of SGX, and not the one with text behind it, which is refused as it is. */
const noTdxQuotes: ReadonlySet<string> = new Set([
  'tdx/dcap-qvl/sgx_quote',
  'tdx/go-tdx-guest/tdx_prod_quote_SPR_E4.dat',
]);

function tdxSamples(): readonly HostileSample[] {
  return expected().tdx.flatMap((entry): readonly HostileSample[] => {
    if (noTdxQuotes.has(entry.f)) return [];
    const { f: name, pck } = tdxSampleSchema.parse(entry);
    const at = secondsAfter(pck.from, day).toISOString();
    return [{ name, bytes: quoteOf(name), bits: 'everyBit', judge: (quote) => inspectAt({ quote, at }) }];
  });
}

const sdk = 'nvidia/attestation-sdk';
const now = new Date('2026-11-23T00:00:00Z');

function inspectDevice(device: PresentedDevice): Judged {
  return inspectNvidia({ devices: [device], rims: [], ocsp: [], at: now, trustedRoots: nvidiaRoots });
}

function nvidiaDevices(): readonly (readonly [string, PresentedDevice])[] {
  const samples = `${sdk}/sample_attestation_data`;
  const pairs = [
    ['nvidia/nvtrust/hopperAttestationReport.txt', 'nvidia/nvtrust/hopperCertChain.txt'],
    [`${samples}/gpu/hopperAttestationReport.txt`, `${samples}/gpu/hopperCertChain.txt`],
    [`${samples}/switch/switchAttestationReport.txt`, `${samples}/switch/switchCertChain.txt`],
  ] as const;
  const lists = [
    'evidence_hopper_590_12.json',
    'serialized/hopper_evidence.json',
    'serialized/switch_evidence_ls10.json',
  ];
  return [
    ...pairs.map(
      ([report, chain]) => [report, { report: readReportFile(vector(report)), certificates: [vector(chain)] }] as const,
    ),
    ...lists.flatMap((list) =>
      readEvidenceList(vector(`${sdk}/${list}`)).map((device, index) => [`${list}, device ${index}`, device] as const),
    ),
  ];
}

function nvidiaReports(): readonly HostileSample[] {
  return nvidiaDevices().map(([name, device]) => {
    const [leaf] = parseNvidiaCertificates(device.certificates);
    if (leaf === undefined) throw new Error('no leaf');
    return {
      name,
      bytes: copyBytes(device.report),
      bits: 'everyBit',
      stage: (bytes) => requireReportSignature(parseNvidiaReport(bytes), leaf),
      judge: (report) => inspectDevice({ ...device, report }),
    };
  });
}

/** Each certificate of a chain, with a report of its device. */
function nvidiaChains(): readonly HostileSample[] {
  const chains = [
    ['Hopper', 'hopperAttestationReport.txt', 'hopperCertChain.txt'],
    ['switch', 'switchAttestationReport.txt', 'switchCertChain.txt'],
    [
      'Blackwell',
      'sample_attestation_data/gpu/blackwellAttestationReport.txt',
      'sample_attestation_data/gpu/blackwellCertChain.txt',
    ],
  ] as const;
  return chains.flatMap(([name, report, file]) => {
    const device = { report: readReportFile(vector(`${sdk}/${report}`)) };
    const certificates = parseNvidiaCertificates([vector(`${sdk}/${file}`)]);
    const chain = certificates.map(({ der }) => der);
    return certificates.map((own, index): HostileSample => {
      const issuer = certificates[index + 1] ?? own;
      return {
        name: `certificate ${index} of ${name}`,
        bytes: own.der,
        bits: 'everyBit',
        stage: (bytes) => requireIssuedBy(onlyCertificate(bytes), issuer, ecdsaP384Sha384),
        judge: (bytes) => inspectDevice({ ...device, certificates: chain.with(index, bytes) }),
      };
    });
  });
}

/** Of each device one; all others, of one form and one signer, only where somebody has some hours. */
const usual: ReadonlySet<string> = new Set([
  'attestation-sdk/NV_GPU_DRIVER_GH100_550.144.03.xml',
  'attestation-sdk/switchVBIOSRim_NV_SWITCH_BIOS_5612_0002_890_9610550001.xml',
]);

/** Of those with a good signature; judged at the last instant at which the whole chain is valid. */
function manifests(): readonly HostileSample[] {
  const good = expected().rim.filter(({ sig, chain }) => sig && chain);
  const { rim: roots } = nvidiaRoots;
  return good.map(({ f }): HostileSample => {
    const bytes = vector(`nvidia/${f}`);
    const ends = openRim({ xml: bytes }).certificates.map(({ notAfter }) => notAfter.getTime());
    const at = new Date(Math.min(...ends));
    return {
      name: f,
      bytes,
      bits: usual.has(f) ? 'everyBit' : 'onlyEveryBit',
      // The certificates in it are not under its signature: what changes them passes here, and is judged whole.
      stage: (xml) => void verifyRimSignature(openRim({ xml })),
      judge: (xml) => {
        verifyRim({ xml }, { roots, at });
        return { authentic: true, steps: [] };
      },
    };
  });
}

function tpmSamples(): readonly HostileSample[] {
  const schema = z.looseObject({
    ak_public: z.string(),
    tpm_quote: z.looseObject({ message: z.string(), signature: z.string(), pcrs: z.array(z.string()) }),
  });
  const file = 'tpm/trustee/tpm_evidence.json';
  const { ak_public: ak, tpm_quote: quote } = schema.parse(JSON.parse(Buffer.from(vector(file)).toString('utf8')));
  const base64 = (text: string): Bytes => copyBytes(Buffer.from(text, 'base64'));
  const values = quote.pcrs.map((value) => copyBytes(Buffer.from(value, 'hex')));
  const given = { quote: base64(quote.message), signature: base64(quote.signature), values };
  const inspect = (changed: Partial<typeof given>): Judged => {
    const { values: ordered, ...rest } = { ...given, ...changed };
    return inspectTpm({
      ...rest,
      key: base64(ak),
      certificates: [],
      crls: [],
      pcrs: { form: 'ordered', values: ordered },
      nonce: undefined,
      eventLog: undefined,
      at: new Date('2026-01-01T00:00:00Z'),
      trustedRoots: tpmRoots,
    });
  };
  return [
    { name: `${file}, quote`, bytes: given.quote, bits: 'all', judge: (changed) => inspect({ quote: changed }) },
    { name: `${file}, signature`, bytes: given.signature, bits: 'all', judge: (signature) => inspect({ signature }) },
    ...values.map((value, index): HostileSample => ({
      name: `${file}, register ${index}`,
      bytes: value,
      bits: 'all',
      judge: (changed) => inspect({ values: values.with(index, changed) }),
    })),
  ];
}

function inspectAzure(platform: 'snp' | 'tdx', evidence: AzureEvidence): Judged {
  const given = { evidence, nonce: undefined, eventLog: undefined, at: new Date('2025-06-01T00:00:00Z') };
  return platform === 'snp'
    ? inspectAzureSnp({
        ...given,
        certificates: [vector('snp/chains/ask_ark_milan.pem')],
        crls: [],
        trustedRoots: amdRoots,
      })
    : inspectAzureTdx({ ...given, collateral: noCollateral, extraCrls: [], trustedRoots: intelRoots });
}

/** HCL report, quote, signature and registers of each file; in `evidence-v2` of SNP and `evidence-v1` of TDX the report is one of the hostile samples. */
function azureSamples(): readonly HostileSample[] {
  const files = [
    ['snp', 'azure/az-snp-vtpm/evidence-v0.json'],
    ['snp', 'azure/az-snp-vtpm/evidence-v1.json'],
    ['snp', 'azure/az-snp-vtpm/evidence-v2.json'],
    ['tdx', 'azure/az-tdx-vtpm/evidence-v0.json'],
    ['tdx', 'azure/az-tdx-vtpm/evidence-v1.json'],
  ] as const;
  return files.flatMap(([platform, name]): readonly HostileSample[] => {
    const evidence = parseAzureEvidence(vector(name));
    const { hclReport, quote } = evidence;
    if (quote === undefined) throw new Error(`no quote in ${name}`);
    const judge = (changed: Partial<AzureEvidence>): Judged => inspectAzure(platform, { ...evidence, ...changed });
    return [
      {
        name: `${name}, HCL report`,
        bytes: hclReport,
        bits: 'everyBit',
        judge: (bytes) => judge({ hclReport: bytes }),
        ...(platform === 'tdx' ? { unsigned: unsignedTdReport } : {}),
      },
      {
        name: `${name}, quote`,
        bytes: quote.message,
        bits: 'all',
        judge: (message) => judge({ quote: { ...quote, message } }),
      },
      {
        name: `${name}, signature`,
        bytes: quote.signature,
        bits: 'all',
        judge: (signature) => judge({ quote: { ...quote, signature } }),
      },
      ...quote.pcrs.map((value, index): HostileSample => ({
        name: `${name}, register ${index}`,
        bytes: value,
        bits: 'everyBit',
        judge: (changed) => judge({ quote: { ...quote, pcrs: quote.pcrs.with(index, changed) } }),
      })),
    ];
  });
}

/** Samples of equal bytes are one. */
export function flipSamples(besides: readonly HostileSample[]): readonly HostileSample[] {
  const more = [
    ...snpSamples(),
    ...tdxSamples(),
    ...nvidiaReports(),
    ...nvidiaChains(),
    ...tpmSamples(),
    ...azureSamples(),
    ...manifests(),
  ];
  const known = new Set(besides.map(({ bytes }) => toHex(bytes)));
  return more.filter(({ name, bytes }) => {
    const key = name.includes('register') ? name : toHex(bytes);
    const isNew = !known.has(key);
    known.add(key);
    return isNew;
  });
}
