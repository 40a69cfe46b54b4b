// How many appraisals a second each kind of evidence takes, with peers beside it in the same run: `npm run bench:attestation`.
import { existsSync, readFileSync } from 'node:fs';
import { loadavg } from 'node:os';
import { join } from 'node:path';
import { verify as verifyWithDcapQvl } from '@phala/dcap-qvl';
import type { Bytes } from '@wardround/protocol/bytes';
import { copyBytes } from '@wardround/protocol/bytes';
import { readReportFile } from '@wardround/attestation/nvidia/evidence-files';
import { inspectNvidia } from '@wardround/attestation/nvidia/inspect';
import { verifyRim } from '@wardround/attestation/nvidia/rim/verify';
import { nvidiaRoots } from '@wardround/attestation/nvidia/roots';
import { amdRoots } from '@wardround/attestation/roots';
import { inspectSnp } from '@wardround/attestation/snp/inspect';
import { readCollateralFile } from '@wardround/attestation/tdx/collateral-file';
import { inspectTdx } from '@wardround/attestation/tdx/inspect';
import { intelRoots } from '@wardround/attestation/tdx/roots';
import { inspectTpm } from '@wardround/attestation/tpm/inspect';
import { tpmRoots } from '@wardround/attestation/tpm/roots';
import * as z from 'zod';
import { appraise, bundleOf, makeComposite, policyOf, protectedFleet } from '../test/attestation/composite-world.ts';
import { googlePeer, nvidiaPeer } from './attestation/peers.ts';
import { machineInWords } from './machine.ts';
import { markdownTable } from './table.ts';

const vectors = join(process.env['WARDROUND_SHARED_DIR'] ?? join(import.meta.dirname, '../../shared'), 'vectors');
const seconds = 0.6;
const runs = 5;

function file(path: string): Bytes {
  return copyBytes(readFileSync(join(vectors, path)));
}

interface Measured {
  readonly what: string;
  readonly who: string;
  readonly perSecond: readonly number[];
}

/** `act` must say whether it verified: a refusal that is fast is no number. */
function measure(what: string, who: string, act: () => boolean): Measured {
  const perSecond = Array.from({ length: runs }, () => {
    const begin = performance.now();
    let count = 0;
    while (performance.now() - begin < seconds * 1000) {
      if (!act()) throw new Error(`${who}: ${what} did not verify`);
      count += 1;
    }
    return (1000 * count) / (performance.now() - begin);
  });
  return { what, who, perSecond };
}

function median(values: readonly number[]): number {
  return values.toSorted((left, right) => left - right)[Math.floor(values.length / 2)] ?? Number.NaN;
}

const collateralSchema = z.object({
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

const kinds = {
  snp: 'SEV-SNP report, chain, CRL',
  tdx: 'TDX quote with collateral and CRLs',
  report: 'NVIDIA report and chain',
  rim: 'NVIDIA manifest: XML signature, chain',
  both: 'NVIDIA report, chain and manifest',
  tpm: 'TPM quote, RSA, 1 register',
  composite: 'bundle: SEV-SNP, 2 GPUs, 2 switches, manifests, OCSP, policy',
} as const;
const ours = 'wardround';

function ourHardware(): readonly Measured[] {
  const milan = ['vcek', 'ask', 'ark'].map((name) => file(`snp/ms-tee-av/milan_${name}.pem`));
  const report = file('snp/ms-tee-av/milan_attestation_report.bin');
  const crls = [file('snp/crl/milan-2026-06-22.crl.der')];
  const july = new Date('2026-07-01T00:00:00Z');
  const quote = file('tdx/dcap-qvl/tdx_quote');
  const set = file('tdx/dcap-qvl/tdx_quote_collateral.json');
  const june = new Date('2025-06-20T00:00:00Z');
  const rest = { extraCrls: [], eventLog: undefined, at: june, trustedRoots: intelRoots };
  const parsed = collateralSchema.parse(JSON.parse(Buffer.from(set).toString('utf8')));
  return [
    measure(
      kinds.snp,
      ours,
      () => inspectSnp({ report, certificates: milan, crls, at: july, trustedRoots: amdRoots }).authentic,
    ),
    measure(kinds.tdx, ours, () => {
      const { fields } = inspectTdx({ quote, collateral: readCollateralFile(set), ...rest });
      return fields?.tcbStatus === 'UpToDate';
    }),
    measure(kinds.tdx, '@phala/dcap-qvl 0.3.9', () => {
      return verifyWithDcapQvl(Buffer.from(quote), parsed, june.getTime() / 1000).status === 'UpToDate';
    }),
  ];
}

function ourDevices(): readonly Measured[] {
  const sdk = 'nvidia/attestation-sdk';
  const at = new Date('2026-11-23T00:00:00Z');
  const shared = { ocsp: [], at, trustedRoots: nvidiaRoots };
  const hopper = readReportFile(file(`${sdk}/hopperAttestationReport.txt`));
  const hopperChain = [file(`${sdk}/hopperCertChain.txt`)];
  const driver = file(`${sdk}/NV_GPU_DRIVER_GH100_550.144.03.xml`);
  const nvswitch = readReportFile(file(`${sdk}/switchAttestationReport.txt`));
  const switchChain = [file(`${sdk}/switchCertChain.txt`)];
  const bios = file(`${sdk}/switchVBIOSRim_NV_SWITCH_BIOS_5612_0002_890_9610550001.xml`);
  const inspect = (report: Uint8Array, certificates: readonly Uint8Array[], rims: readonly Bytes[]): boolean =>
    inspectNvidia({ devices: [{ report, certificates }], rims: rims.map((xml) => ({ xml })), ...shared }).authentic;
  const tpm = (name: string): Bytes => file(`tpm/swtpm/${name}`);
  const [message, signature, key, register] = ['q2_rsa.msg', 'q2_rsa.sig', 'ak_rsa.pem', 'q2_rsa.pcrs'].map(tpm);
  if (message === undefined || signature === undefined || key === undefined || register === undefined)
    throw new Error('no TPM quote');
  const none = { certificates: [], crls: [], nonce: undefined, eventLog: undefined };
  const pcrs = { form: 'ordered', values: [register] } as const;
  return [
    measure(kinds.report, ours, () => inspect(hopper, hopperChain, [])),
    measure(kinds.rim, ours, () => verifyRim({ xml: driver }, { roots: nvidiaRoots.rim, at }).manifest !== undefined),
    measure(kinds.both, ours, () => inspect(nvswitch, switchChain, [bios])),
    measure(
      kinds.tpm,
      ours,
      () => inspectTpm({ quote: message, signature, key, pcrs, ...none, at, trustedRoots: tpmRoots }).authentic,
    ),
  ];
}

/** Of the simulated vendors: no genuine bundle of all its parts is public. */
async function ourBundle(): Promise<Measured> {
  const world = await makeComposite();
  const devices = protectedFleet(world);
  const evidence = bundleOf(world, { sort: 'sevSnp', devices });
  const policy = policyOf(world, 'sevSnp', [...world.gpus, ...world.switches]);
  return measure(kinds.composite, ours, () => appraise(evidence, policy).accepted);
}

const peerKinds: Readonly<Record<string, string>> = {
  snp: kinds.snp,
  tdx: `${kinds.tdx} (theirs: the set of 2023)`,
  'nvidia-report': `${kinds.report} (theirs: the chain not verified)`,
  'nvidia-rim': kinds.rim,
};

async function main(): Promise<void> {
  if (!existsSync(join(vectors, 'MANIFEST.md'))) {
    console.error(`no genuine evidence in ${vectors}; set WARDROUND_SHARED_DIR`);
    process.exit(2);
  }
  const measured: Measured[] = [...ourHardware(), ...ourDevices(), await ourBundle()];
  const notes: string[] = [];
  for (const run of [googlePeer, nvidiaPeer]) {
    const { peer, lines, absent } = run({ vectors, seconds });
    if (absent !== undefined) notes.push(`absent: ${peer}: ${absent}`);
    for (const line of lines) {
      const what = peerKinds[line.name] ?? line.name;
      if ('error' in line) notes.push(`absent: ${peer}, ${what}: ${line.error}`);
      else measured.push({ what, who: peer, perSecond: line.perSecond });
    }
  }
  const load = loadavg()
    .map((value) => value.toFixed(0))
    .join(', ');
  console.log(
    `On ${machineInWords()}; one thread; median of ${runs} runs of ${seconds} s by the clock; load ${load}.\n`,
  );
  const rows = measured
    .toSorted((left, right) => left.what.localeCompare(right.what))
    .map(({ what, who, perSecond }) => {
      const spread = `${Math.min(...perSecond).toFixed(1)} to ${Math.max(...perSecond).toFixed(1)}`;
      return [what, who, median(perSecond).toFixed(1), spread];
    });
  console.log(markdownTable([['what', 'by', 'a second', 'all runs'], ...rows], 2));
  for (const note of notes) console.log(`\n- ${note}`);
}

await main();
