// A seeded fuzzer over every parser and whole inspections: nothing but coded refusals comes out, and no input takes memory without bound.
import { describe, expect, it } from 'vitest';
import type { Bytes } from '@wardround/protocol/bytes';
import { concatBytes, copyBytes, utf8 } from '@wardround/protocol/bytes';
import { parseLimitedJson } from '@wardround/protocol/canonical-json';
import { WardroundError } from '@wardround/protocol/errors';
import { parseAzureEvidence } from '@wardround/attestation/azure/evidence-file';
import { parseHclReport } from '@wardround/attestation/azure/hcl-report';
import { recognise } from '@wardround/attestation/collateral/recognise';
import { parseIndex } from '@wardround/attestation/collateral/index-document';
import { parseEventLog } from '@wardround/attestation/event-log/event-log';
import { replayEventLog } from '@wardround/attestation/event-log/replay';
import { parseEvidenceBytes } from '@wardround/attestation/evidence';
import { readEvidenceList, readReportFile } from '@wardround/attestation/nvidia/evidence-files';
import { parseNrasKeys, readJwks } from '@wardround/attestation/nvidia/nras-keys';
import { parseNvidiaReport } from '@wardround/attestation/nvidia/report';
import { verifyRim } from '@wardround/attestation/nvidia/rim/verify';
import { nvidiaRoots } from '@wardround/attestation/nvidia/roots';
import { parseSnpReport } from '@wardround/attestation/snp/report';
import { readCollateralFile } from '@wardround/attestation/tdx/collateral-file';
import { parseTdxQuote } from '@wardround/attestation/tdx/quote';
import { parseTpmQuote } from '@wardround/attestation/tpm/attest';
import { parseCertificates } from '@wardround/attestation/x509/certificate';
import { parseCrls } from '@wardround/attestation/x509/crl';
import { parseOcspResponse } from '@wardround/attestation/x509/ocsp';
import { hostileSamples } from './hostile-samples.ts';
import { jwk, keysAt } from './nras-service.ts';
import { haveVectors, vector } from './vectors.ts';

const seed = Number(process.env['FUZZ_SEED'] ?? 20_261_123);
const parserRuns = 2_000;
const inspectionRuns = 400;
const mebibyte = 2 ** 20;
/** What one target may add to the process's peak, all its runs together. */
const mostGrowth = 384 * mebibyte;

/** Mulberry32: small, seeded, the same everywhere. */
function randomFrom(start: number): (below: number) => number {
  let state = start >>> 0;
  return (below) => {
    state = (state + 0x6d2b_79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}
type Random = ReturnType<typeof randomFrom>;

const lies = [0, 1, 0x7f, 0x80, 0xff, 0x7fff, 0xffff, 0x7fff_ffff, 0xffff_ffff] as const;

/** Bytes that are cheap to send and dear to whoever believes them. */
function bombs(): readonly (readonly [string, Bytes])[] {
  const repeated = (part: string, count: number): Bytes => utf8(part.repeat(count));
  const nested = (depth: number): Bytes =>
    concatBytes(...Array.from({ length: depth }, () => Uint8Array.of(0x30, 0x80)));
  const deep = (depth: number): Bytes => {
    let inner: Bytes = Uint8Array.of(0x05, 0x00);
    for (let level = 0; level < depth && inner.byteLength < 60_000; level += 1) {
      const size = inner.byteLength;
      inner = concatBytes(
        size < 0x80 ? Uint8Array.of(0x30, size) : Uint8Array.of(0x30, 0x82, size >> 8, size & 0xff),
        inner,
      );
    }
    return inner;
  };
  const block = '-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n';
  return [
    ['DER nested without end', nested(4_000)],
    ['DER nested 2000 deep', deep(2_000)],
    ['DER nested 15000 deep', deep(15_000)],
    ['DER of 4 GiB', Uint8Array.of(0x30, 0x84, 0xff, 0xff, 0xff, 0xff)],
    ['DER of 2^1016 bytes', concatBytes(Uint8Array.of(0x30, 0xff), new Uint8Array(127).fill(0xff))],
    ['1000 PEM blocks', repeated(block, 1_000)],
    ['PEM of 4 MiB', concatBytes(utf8('-----BEGIN CERTIFICATE-----\n'), repeated('A', 4 * mebibyte))],
    ['JSON 100000 deep', repeated('[', 100_000)],
    ['JSON objects 100000 deep', repeated('{"a":', 100_000)],
    ['JSON of a million values', utf8(`[${'0,'.repeat(1_000_000)}0]`)],
    ['JSON of one number', utf8(`1e${'9'.repeat(1_000)}`)],
    ['JSON with a prototype', utf8('{"__proto__":{"kind":"Evidence"},"constructor":1}')],
    ['XML 20000 deep', repeated('<a>', 20_000)],
    ['XML that laughs', utf8('<!DOCTYPE a [<!ENTITY b "cccccccccc"><!ENTITY d "&b;&b;&b;&b;">]><a>&d;</a>')],
    ['XML of 60000 attributes', utf8(`<a ${Array.from({ length: 60_000 }, (_, index) => `x${index}=""`).join(' ')}/>`)],
    [
      'XML with 20000 namespaces',
      utf8(`<a ${Array.from({ length: 20_000 }, (_, index) => `xmlns:x${index}="u"`).join(' ')}/>`),
    ],
    ['nothing', new Uint8Array()],
    ['8 MiB of ones', new Uint8Array(8 * mebibyte).fill(0xff)],
    ['8 MiB of zeros', new Uint8Array(8 * mebibyte)],
  ];
}

interface Mutating {
  readonly random: Random;
  readonly donors: readonly Bytes[];
  readonly small: readonly Bytes[];
}

function pick<Item>(random: Random, items: readonly Item[]): Item {
  const item = items[random(items.length)];
  if (item === undefined) throw new Error('nothing to pick from');
  return item;
}

/** One change that knows what lengths, counts and nesting are. */
function mutateOnce(bytes: Bytes, { random, donors, small }: Mutating): Bytes {
  const at = random(bytes.byteLength + 1);
  const span = Math.min(bytes.byteLength - at, random(64));
  const [before, middle, after] = [bytes.slice(0, at), bytes.slice(at, at + span), bytes.slice(at + span)];
  switch (random(8)) {
    case 0:
      return at < bytes.byteLength ? bytes.with(at, (bytes[at] ?? 0) ^ (1 << random(8))) : bytes;
    case 1:
      return lieAt(bytes, { at, width: pick(random, [1, 2, 4]), value: pick(random, lies), little: random(2) === 0 });
    case 2:
      return concatBytes(before, middle, middle, after);
    case 3:
      return concatBytes(before, after);
    case 4: {
      const donor = pick(random, donors);
      const from = random(donor.byteLength + 1);
      return concatBytes(before, donor.slice(from, from + random(2_000)), after);
    }
    case 5:
      return concatBytes(before, pick(random, small), after);
    case 6:
      return bytes.slice(0, at);
    default:
      return concatBytes(
        before,
        Uint8Array.from({ length: span }, () => random(256)),
        after,
      );
  }
}

interface Lie {
  readonly at: number;
  readonly width: number;
  readonly value: number;
  readonly little: boolean;
}

function lieAt(bytes: Bytes, { at, width, value, little }: Lie): Bytes {
  if (at + width > bytes.byteLength) return bytes;
  const changed = copyBytes(bytes);
  const view = new DataView(changed.buffer);
  if (width === 1) view.setUint8(at, value & 0xff);
  else if (width === 2) view.setUint16(at, value & 0xffff, little);
  else view.setUint32(at, value, little);
  return changed;
}

/** What escaped as no refusal of ours, in words; undefined where nothing did. */
function escapeOf(act: () => unknown): string | undefined {
  try {
    const result = act();
    if (typeof result !== 'object' || result === null || !('steps' in result)) return undefined;
    const steps = JSON.stringify(result.steps);
    return steps.includes('attestation-internal') ? steps : undefined;
  } catch (error) {
    if (error instanceof WardroundError) return undefined;
    return error instanceof Error ? (error.stack ?? error.message) : String(error);
  }
}

interface Target {
  readonly name: string;
  readonly seeds: readonly Bytes[];
  readonly read: (bytes: Bytes) => unknown;
  readonly runs: number;
}

function parsers(): readonly Target[] {
  const sdk = 'nvidia/attestation-sdk';
  const at = new Date('2026-11-23T00:00:00Z');
  const of = (name: string, seeds: readonly string[], read: Target['read'], runs = parserRuns): Target => {
    return { name, seeds: seeds.map(vector), read, runs };
  };
  const rim = `${sdk}/NV_GPU_DRIVER_GH100_550.144.03.xml`;
  const evidence = utf8('{"kind":"Evidence","version":1,"binding":{"nonce":"00"},"evidence":[],"endorsements":[]}');
  const index = utf8('{"kind":"CollateralIndex","version":1,"items":[{"key":{"kind":"intelRootCrl"}}]}');
  return [
    of('SNP reports', ['snp/trustee/test-report.bin', 'snp/ms-tee-av/turin_attestation_report.bin'], parseSnpReport),
    of('TDX quotes', ['tdx/dcap-qvl/tdx_quote', 'tdx/go-tdx-guest/quote_v5_sample.dat'], parseTdxQuote),
    of('files of collateral', ['tdx/dcap-qvl/tdx_quote_collateral.json'], readCollateralFile),
    of(
      'certificates',
      ['snp/trustee/test-vcek.der', 'snp/chains/ask_ark_milan.pem', `${sdk}/hopperCertChain.txt`],
      (bytes) => parseCertificates([bytes]),
    ),
    of('revocation lists', ['snp/crl/openpcc_genoa.crl.der', 'tdx/dcap-qvl/pck_crl_2026-02-18.der'], (bytes) =>
      parseCrls([bytes]),
    ),
    // No genuine OCSP answer is among the files: nvidia.long.ts mutates those of the fake vendor.
    of('OCSP answers', ['snp/crl/openpcc_genoa.crl.der', 'snp/trustee/test-vcek.der'], parseOcspResponse),
    of('files of NVIDIA reports', [`${sdk}/hopperAttestationReport.txt`], (bytes) =>
      parseNvidiaReport(readReportFile(bytes)),
    ),
    of('lists of NVIDIA devices', [`${sdk}/serialized/hopper_evidence.json`], readEvidenceList),
    of('NVIDIA manifests', [rim], (xml) => verifyRim({ xml }, { roots: nvidiaRoots.rim, at }), 300),
    of('TPM quotes', ['tpm/swtpm/q_rsa.msg', 'tpm/swtpm/q2_ecc.msg'], parseTpmQuote),
    of('HCL reports', ['azure/az-snp-vtpm/hcl-report.bin', 'azure/az-tdx-vtpm/hcl-report.bin'], parseHclReport),
    of(
      'files of Azure evidence',
      ['azure/az-snp-vtpm/evidence-v1.json', 'azure/az-tdx-vtpm/evidence-v0.json'],
      parseAzureEvidence,
      1_000,
    ),
    of('event logs', ['tpm/go-tpm-tools/cos-101-amd-sev.bin'], (bytes) => {
      const log = parseEventLog(bytes, 'pcr');
      for (const bank of log.banks) replayEventLog(log, bank);
    }),
    of(
      'CC event logs',
      ['tdx/trustee/CCEL_data_ovmf'],
      (bytes) => replayEventLog(parseEventLog(bytes, 'cc'), 'sha384'),
      500,
    ),
    of(
      'unknown collateral',
      ['snp/chains/ask_ark_milan.pem', 'tdx/dcap-qvl/tdx_quote_collateral.json'],
      (bytes) => recognise([{ name: 'x', bytes }], new Date(0)),
      300,
    ),
    { name: 'bundles of evidence', seeds: [evidence], read: parseEvidenceBytes, runs: parserRuns },
    { name: 'indexes of collateral', seeds: [index], read: parseIndex, runs: parserRuns },
    {
      name: 'keys of NVIDIA’s service',
      seeds: [utf8(JSON.stringify({ keys: [jwk] })), utf8(JSON.stringify(keysAt(new Date(0))))],
      read: readKeys,
      runs: parserRuns,
    },
  ];
}

/** In both forms, as a mirror and a person bring them. */
function readKeys(bytes: Bytes): void {
  const value = parseLimitedJson(bytes);
  const isKept = typeof value === 'object' && value !== null && 'type' in value;
  if (isKept) parseNrasKeys(value);
  else readJwks(value, { source: 'fuzzer', fetchedAt: new Date(0) });
}

/** Each sample's bytes within its whole inspection. */
function inspections(): readonly Target[] {
  return hostileSamples().map(({ name, bytes, judge }) => {
    return { name: `inspection of ${name}`, seeds: [bytes], read: judge, runs: inspectionRuns };
  });
}

const targets = (haveVectors ? [...parsers(), ...inspections()] : []).map((target) => [target.name, target] as const);
const allBombs = bombs();
const smallBombs = allBombs.map(([, bytes]) => bytes).filter(({ byteLength }) => byteLength <= 70_000);
const donors = targets.flatMap(([, { seeds }]) => seeds);

describe.skipIf(!haveVectors)(`the fuzzer, seed ${seed}`, () => {
  it.each(targets)('%s', (name, { seeds, read, runs }) => {
    const random = randomFrom(seed);
    const before = process.resourceUsage().maxRSS * 1024;
    const escapes: string[] = [];
    const attempt = (what: string, bytes: Bytes): void => {
      const escape = escapeOf(() => read(bytes));
      if (escape !== undefined && escapes.length < 10) escapes.push(`${what}: ${escape}`);
    };
    for (const [what, bytes] of allBombs) {
      attempt(what, bytes);
      for (const genuine of seeds) attempt(`${what} behind ${genuine.byteLength} bytes`, concatBytes(genuine, bytes));
    }
    for (let run = 0; run < runs; run += 1) {
      let bytes = pick(random, seeds);
      const changes = 1 + random(4);
      for (let change = 0; change < changes; change += 1)
        bytes = mutateOnce(bytes, { random, donors, small: smallBombs });
      attempt(`run ${run}`, bytes);
    }
    const grown = Math.round((process.resourceUsage().maxRSS * 1024 - before) / mebibyte);
    console.log(
      `${name}: ${runs} mutations, ${allBombs.length * (1 + seeds.length)} bombs, seed ${seed}; peak memory +${grown} MiB`,
    );
    expect(escapes).toEqual([]);
    expect(grown * mebibyte).toBeLessThan(mostGrowth);
  });
});
