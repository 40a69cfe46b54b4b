// Fetching from services that are slow, away, wrong or hostile: what comes is verified, what was there stays, time is bounded.
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { parseIndex } from '@wardround/attestation/collateral/index-document';
import { keyName } from '@wardround/attestation/collateral/item-key';
import { readMirror } from '@wardround/attestation/collateral/read-mirror';
import { openRim } from '@wardround/attestation/nvidia/rim/verify';
import { parseCertificate } from '@wardround/attestation/x509/certificate';
import { readAll, readSingle } from '@wardround/attestation/x509/der';
import { createSimulatedIntel } from '@wardround/attestation/simulated/intel/vendor';
import { createSimulatedNvidia } from '@wardround/attestation/simulated/nvidia/vendor';
import {
  plainly,
  wantedForFmspc,
  wantedForNvidiaDevice,
  wantedForTdxQuote,
} from '@wardround/attestation/collateral/wanted';
import { type Bytes, copyBytes, sha256, toHex } from '@wardround/protocol/bytes';
import { readMirrorFiles } from '../../cli/src/collateral/read-files.ts';
import { retryAfterMs } from '../../cli/src/collateral/http.ts';
import {
  type AmdWorld,
  FakePace,
  at,
  chainKey,
  chainPath,
  crlKey,
  crlPath,
  dayMs,
  fetchOnce,
  freshDirectory,
  makeAmdWorld,
  offer,
  outcomes,
  pemOf,
} from './collateral-world.ts';
import { type Answer, VendorService } from './vendor-service.ts';

let world: AmdWorld;
let service: VendorService;
let directory: string;

beforeAll(async () => {
  world = await makeAmdWorld();
}, 120_000);

beforeEach(async () => {
  service = offer(await VendorService.start(), world);
  directory = freshDirectory();
});

afterEach(async () => await service.stop());

async function thisUpdates(): Promise<readonly string[]> {
  const { held } = readMirror(await readMirrorFiles(directory), { at, roots: world.roots });
  return held.filter(({ item }) => item.key.kind === 'amdCrl').map(({ verified }) => verified.issued.toISOString());
}

async function listOf(daysAgo: number): Promise<Bytes> {
  return await world.vendor.issueCrl({ thisUpdate: new Date(at.getTime() - daysAgo * dayMs) });
}

describe('fetching', () => {
  it('brings what is wanted, the chain before what it signs, and asks for nothing twice', async () => {
    const wanted = [crlKey, chainKey, world.vcekKey];
    const first = await fetchOnce({ directory, service, roots: world.roots, wanted });
    expect(outcomes(first)).toEqual(['amdCrl: added', 'amdCertChain: added', 'amdVcek: added']);
    expect(service.asked).toEqual([chainPath, crlPath, world.vcekPath]);
    service.forget();
    const again = await fetchOnce({ directory, service, roots: world.roots, wanted });
    expect(outcomes(again)).toEqual(['amdCrl: fresh', 'amdCertChain: fresh', 'amdVcek: fresh']);
    expect(service.asked).toEqual([]);
  });

  it('asks for lists again after twelve hours, for certificates only near their end', async () => {
    const wanted = [chainKey, crlKey, world.vcekKey];
    await fetchOnce({ directory, service, roots: world.roots, wanted });
    service.forget();
    const nextDay = new FakePace(new Date(at.getTime() + dayMs / 2));
    expect(outcomes(await fetchOnce({ directory, service, roots: world.roots, wanted, pace: nextDay }))).toEqual([
      'amdCertChain: fresh',
      'amdCrl: unchanged',
      'amdVcek: fresh',
    ]);
    expect(service.asked).toEqual([crlPath]);
    // That the vendor still gives out the same is worth knowing; when it came first stays.
    const { items } = parseIndex(readFileSync(join(directory, 'index.json')));
    const crl = items.find(({ key }) => key.kind === 'amdCrl');
    expect([crl?.mirroredAt, crl?.checkedAt]).toEqual([at.toISOString(), nextDay.now().toISOString()]);
    service.forget();
    const options = { freshMs: 0 };
    const all = await fetchOnce({ directory, service, roots: world.roots, wanted, pace: nextDay, options });
    expect(outcomes(all)).toEqual(['amdCertChain: unchanged', 'amdCrl: unchanged', 'amdVcek: unchanged']);
  });

  it('waits as long as it is told to, for every item of that vendor', async () => {
    service.on(crlPath, { status: 429, headers: { 'retry-after': '7' } }, { body: world.crl });
    const pace = new FakePace();
    const items = await fetchOnce({ directory, service, roots: world.roots, wanted: [crlKey, world.vcekKey], pace });
    expect(outcomes(items)).toEqual(['amdCrl: added', 'amdVcek: added', 'amdCertChain: added']);
    expect(pace.slept.reduce((sum, ms) => sum + ms, 0)).toBe(7_000);
    expect(service.asked).toEqual([chainPath, crlPath, world.vcekPath, crlPath]);
  });

  it('tries again after failures that pass, ever more rarely', async () => {
    const away: Answer = { status: 503 };
    service.on(chainPath, away, away, { status: 502 }, { status: 500 }, { body: world.chain });
    const pace = new FakePace();
    const items = await fetchOnce({ directory, service, roots: world.roots, wanted: [chainKey], pace });
    expect(outcomes(items)).toEqual(['amdCertChain: added']);
    expect(pace.slept).toEqual([1_000, 2_000, 4_000, 8_000]);
  });

  it('gives up when its time is spent, and keeps what came', async () => {
    service.on(crlPath, { status: 503 });
    const pace = new FakePace();
    const wanted = [chainKey, crlKey, world.vcekKey];
    const items = await fetchOnce({
      directory,
      service,
      roots: world.roots,
      wanted,
      pace,
      options: { budgetMs: 60_000 },
    });
    expect(outcomes(items)).toEqual(['amdCertChain: added', 'amdCrl: collateral-unavailable', 'amdVcek: added']);
    expect(pace.now().getTime() - at.getTime()).toBeLessThanOrEqual(60_000);
    expect((await readMirrorFiles(directory)).index.byteLength).toBeGreaterThan(0);
  });

  it('does not wait longer than its time, however long it is told to', async () => {
    service.on(chainPath, { status: 429, headers: { 'retry-after': '86400' } });
    const pace = new FakePace();
    const wanted = [chainKey, crlKey];
    const items = await fetchOnce({ directory, service, roots: world.roots, wanted, pace });
    expect(outcomes(items)).toEqual(['amdCertChain: collateral-unavailable', 'amdCrl: collateral-unavailable']);
    expect(pace.slept).toEqual([]);
  });

  it('stores nothing of an answer that is no good, and keeps what was there', async () => {
    await fetchOnce({ directory, service, roots: world.roots, wanted: [chainKey, crlKey] });
    const before = await readMirrorFiles(directory);
    const flipped = copyBytes(world.crl);
    flipped[60] = (flipped[60] ?? 0) ^ 1;
    const foreign = await makeForeignList();
    const table: readonly (readonly [string, Answer, string])[] = [
      ['a sign-in page', { body: '<html>Please sign in</html>' }, 'pem-malformed'],
      ['an empty body', { body: '' }, 'pem-malformed'],
      ['a flipped bit', { body: flipped }, 'crl-'],
      ['cut off, whole by its own word', { body: world.crl.slice(0, 300) }, 'crl-malformed'],
      ['cut off', { body: world.crl.slice(0, 300), promise: world.crl.byteLength }, 'collateral-unavailable'],
      ['endless', { body: new Uint8Array(300_000) }, 'collateral-too-large'],
      ['signed by another', { body: foreign }, 'crl-signature'],
      ['sent elsewhere', { status: 302, headers: { location: 'https://elsewhere.example/' } }, 'collateral-redirect'],
      ['sent elsewhere for good', { status: 308, headers: { location: crlPath } }, 'collateral-redirect'],
      ['not there', { status: 404 }, 'collateral-not-given'],
      ['forbidden', { status: 403 }, 'collateral-not-given'],
      ['no content', { status: 204 }, 'collateral-not-given'],
      ['from the future', { body: await listOf(-1) }, 'collateral-not-yet-valid'],
      ['older than what is here', { body: await listOf(20) }, 'collateral-older'],
      [
        'out of date',
        {
          body: await world.vendor.issueCrl({
            thisUpdate: new Date(at.getTime() - 1),
            nextUpdate: new Date(at.getTime() - 1),
          }),
        },
        'collateral-expired',
      ],
    ];
    for (const [what, answer, code] of table) {
      service.on(crlPath, answer);
      const options = { freshMs: 0, budgetMs: 1_500 };
      const [item] = await fetchOnce({ directory, service, roots: world.roots, wanted: [crlKey], options });
      expect([what, item?.outcome === 'failed' ? item.code.slice(0, code.length) : item?.outcome]).toEqual([
        what,
        code,
      ]);
      expect([what, (await readMirrorFiles(directory)).index]).toEqual([what, before.index]);
    }
  });

  it('replaces a list by a newer one, never by an older one', async () => {
    service.on(crlPath, { body: await listOf(5) });
    const run = async (): Promise<readonly string[]> =>
      outcomes(await fetchOnce({ directory, service, roots: world.roots, wanted: [crlKey], options: { freshMs: 0 } }));
    expect(await run()).toEqual(['amdCrl: added', 'amdCertChain: added']);
    service.on(crlPath, { body: await listOf(3) });
    expect(await run()).toEqual(['amdCrl: replaced']);
    service.on(crlPath, { body: await listOf(4) });
    expect(await run()).toEqual(['amdCrl: collateral-older']);
    expect(await thisUpdates()).toEqual([new Date(at.getTime() - 3 * dayMs).toISOString()]);
  });

  it('believes no simulated vendor unless its root was named', async () => {
    const items = await fetchOnce({ directory, service, roots: { simulated: [] }, wanted: [chainKey, crlKey] });
    expect(outcomes(items)).toEqual(['amdCertChain: snp-root-untrusted', 'amdCrl: snp-root-untrusted']);
  });

  it('mends a spoiled item, whatever its edition', async () => {
    await fetchOnce({ directory, service, roots: world.roots, wanted: [chainKey, crlKey] });
    writeFileSync(join(directory, 'files', toHex(sha256(world.crl))), 'spoiled');
    const spoiled = readMirror(await readMirrorFiles(directory), { at, roots: world.roots });
    expect(spoiled.refused.map(({ code }) => code)).toEqual(['collateral-digest']);
    const items = await fetchOnce({ directory, service, roots: world.roots, wanted: [crlKey] });
    expect(outcomes(items)).toEqual(['amdCrl: added']);
    expect(readMirror(await readMirrorFiles(directory), { at, roots: world.roots }).refused).toEqual([]);
  });
});

async function makeForeignList(): Promise<Bytes> {
  return await world.vendor.issueCrl({ issuerKey: world.vendor.secretKeys.intermediate });
}

describe('Retry-After', () => {
  it('is seconds or a date, and anything else is nothing', () => {
    expect(retryAfterMs('120', at)).toBe(120_000);
    expect(retryAfterMs('Mon, 23 Nov 2026 08:02:00 GMT', at)).toBe(120_000);
    expect(retryAfterMs('Mon, 23 Nov 2026 07:00:00 GMT', at)).toBe(0);
    for (const value of [undefined, '', 'soon', '-5', '1e9', '99999999999']) expect(retryAfterMs(value, at)).toBe(null);
  });
});

describe('Intel', () => {
  it('gives the item in the body and its signers in a header; the verifier gets one whole, and its lists', async () => {
    const intel = await createSimulatedIntel(at);
    const platform = await intel.issuePlatform();
    const roots = { simulated: [intel.rootSha256] };
    const collateral = await intel.collateralFor(platform);
    const header = (chain: readonly Uint8Array[]): string =>
      encodeURIComponent(Buffer.from(pemOf(...chain)).toString());
    const fmspc = toHex(platform.values.fmspc);
    service
      .on(`/tdx/certification/v4/tcb?fmspc=${fmspc}`, {
        body: collateral.tcbInfo ?? '',
        headers: { 'TCB-Info-Issuer-Chain': header(collateral.tcbInfoIssuerChain) },
      })
      .on('/tdx/certification/v4/qe/identity', {
        body: collateral.qeIdentity ?? '',
        headers: { 'SGX-Enclave-Identity-Issuer-Chain': header(collateral.qeIdentityIssuerChain) },
      })
      .on('/sgx/certification/v4/pckcrl?ca=platform&encoding=der', {
        body: collateral.pckCrl ?? '',
        headers: { 'SGX-PCK-CRL-Issuer-Chain': header(collateral.pckCrlIssuerChain) },
      })
      .on('/IntelSGXRootCA.der', { body: collateral.rootCrl ?? '' });
    const wanted = wantedForFmspc(fmspc, 'platform');
    expect(wantedForTdxQuote(platform.makeQuote()).map(keyName)).toEqual(wanted.map(keyName));
    const items = await fetchOnce({ directory, service, roots, wanted });
    expect(items.map(({ outcome }) => outcome)).toEqual(['added', 'added', 'added', 'added']);
    const { endorsements } = readMirror(await readMirrorFiles(directory), { at, roots });
    expect(endorsements.map(({ type }) => type)).toEqual(['crl', 'crl', 'tdxCollateral']);

    // A lower evaluation number is older, whatever its date; an answer without its signers is none.
    const lower = await intel.collateralFor(platform, { tcbInfo: { tcbEvaluationDataNumber: 1 } });
    const tcb = `/tdx/certification/v4/tcb?fmspc=${fmspc}`;
    const run = async (answer: Answer): Promise<readonly string[]> => {
      service.on(tcb, answer);
      return outcomes(
        await fetchOnce({ directory, service, roots, wanted: wanted.slice(0, 1), options: { freshMs: 0 } }),
      );
    };
    const chain = header(lower.tcbInfoIssuerChain);
    const older = { body: lower.tcbInfo ?? '', headers: { 'TCB-Info-Issuer-Chain': chain } };
    expect(await run(older)).toEqual(['intelTcbInfo: collateral-older']);
    expect(await run({ body: collateral.tcbInfo ?? '' })).toEqual(['intelTcbInfo: collateral-answer']);
    expect(await run({ ...older, headers: { 'TCB-Info-Issuer-Chain': [chain, chain] } })).toEqual([
      'intelTcbInfo: collateral-answer',
    ]);
    expect(await run({ ...older, headers: { 'TCB-Info-Issuer-Chain': '%E0%A4%A' } })).toEqual([
      'intelTcbInfo: collateral-answer',
    ]);
  });
});

type Answering = (chain: readonly Uint8Array[], index: number) => Bytes;

/** What an OCSP service answers: about the certificate whose serial and issuer's key the question names. */
function answerTo(request: Uint8Array, chains: readonly (readonly Bytes[])[], answer: Answering): Bytes {
  const inner = (bytes: Uint8Array): Bytes => readAll(bytes)[0]?.value ?? new Uint8Array(0);
  // OCSPRequest, TBSRequest, requestList, Request, CertID.
  const certId = readAll(inner(inner(inner(inner(readSingle(request).value)))));
  const [keyHash, serial] = [certId[2], certId[3]].map((element) => toHex(element?.value ?? new Uint8Array(0)));
  for (const chain of chains) {
    const index = chain.findIndex(
      (der, position) => parseCertificate(der).serial === serial && keyHashOf(chain[position + 1]) === keyHash,
    );
    if (index !== -1) return answer(chain, index);
  }
  throw new Error(`nobody asked about ${serial ?? ''}`);
}

function keyHashOf(issuer: Bytes | undefined): string {
  if (issuer === undefined) return '';
  const spki = parseCertificate(issuer).publicKey.export({ type: 'spki', format: 'der' });
  const bits = readAll(readSingle(spki).value)[1]?.value.slice(1) ?? new Uint8Array(0);
  return createHash('sha1').update(bits).digest('hex');
}

function signersOf(xml: Bytes): readonly Bytes[] {
  return openRim({ xml }).certificates.map(({ der }) => der);
}

describe('NVIDIA', () => {
  it('gives manifests in an envelope, and answers about whoever signed them and the device', async () => {
    const nvidia = await createSimulatedNvidia(at);
    const device = await nvidia.issueDevice();
    const roots = { simulated: [nvidia.rootSha256] };
    const report = device.makeReport({ nonce: '0b'.repeat(32) });
    const wanted = wantedForNvidiaDevice({ kind: 'gpu', report, certificates: device.certificates }, roots);
    const [driverId, vbiosId] = wanted.flatMap(({ key }) => (key.kind === 'nvidiaRim' ? [key.id] : []));
    if (driverId === undefined || vbiosId === undefined) throw new Error('two manifests');
    const rims = { [driverId]: await nvidia.issueRim('driver'), [vbiosId]: await nvidia.issueRim('vbios') };
    for (const [id, xml] of Object.entries(rims))
      service.on(`/v1/rim/${id}`, {
        body: JSON.stringify({ id, rim: Buffer.from(xml).toString('base64'), sha256: '' }),
      });
    const chains = [device.certificates, ...Object.values(rims).map(signersOf)];
    service.on('/', ({ body }) => ({ body: answerTo(body, chains, nvidia.answer.bind(nvidia)) }));

    const items = await fetchOnce({ directory, service, roots, wanted });
    expect(items.filter(({ outcome }) => outcome !== 'added')).toEqual([]);
    // Two manifests; three certificates of the device; and of each manifest the signer and what the two chains share.
    expect(items.map(({ key }) => key.kind).toSorted()).toEqual([
      ...Array<string>(7).fill('nvidiaOcsp'),
      'nvidiaRim',
      'nvidiaRim',
    ]);
    const reading = readMirror(await readMirrorFiles(directory), { at, roots });
    expect(reading.refused).toEqual([]);
    expect(reading.endorsements.map(({ type }) => type).toSorted()).toEqual([
      ...Array<string>(7).fill('ocsp'),
      'rim',
      'rim',
    ]);

    // Asked anew by what the mirror holds alone; now one is revoked, and the mirror says so from then on.
    const later = new FakePace(new Date(at.getTime() + dayMs));
    service.on('/', ({ body }) => ({
      body: answerTo(body, chains, (chain, index) =>
        nvidia.answer(chain, index, {
          thisUpdate: later.now(),
          ...(index === 1 && chain === device.certificates ? { status: 'hold' } : {}),
        }),
      ),
    }));
    const { items: known } = parseIndex((await readMirrorFiles(directory)).index);
    const all = plainly(known.map(({ key }) => key));
    const again = await fetchOnce({ directory, service, roots, wanted: all, pace: later });
    expect(again.filter(({ outcome }) => outcome === 'failed')).toEqual([]);
    const { held } = readMirror(await readMirrorFiles(directory), { at: later.now(), roots });
    expect(held.filter(({ verified }) => verified.revoked)).toHaveLength(1);
  });

  it('is refused with another id, another’s manifest, or no manifest', async () => {
    const nvidia = await createSimulatedNvidia(at);
    const roots = { simulated: [nvidia.rootSha256] };
    const xml = await nvidia.issueRim('driver');
    const id = 'NV_GPU_DRIVER_GH100_1.2.3';
    const rim = Buffer.from(xml).toString('base64');
    const table: readonly (readonly [string, string, string])[] = [
      ['another version', JSON.stringify({ id, rim }), 'collateral-other-item'],
      ['another id', JSON.stringify({ id: `${id}4`, rim }), 'collateral-answer'],
      ['no envelope', rim, 'collateral-answer'],
      ['no base64', JSON.stringify({ id, rim: '<xml>' }), 'collateral-answer'],
      ['no manifest', JSON.stringify({ id, rim: Buffer.from('hello').toString('base64') }), 'xml-'],
    ];
    for (const [what, body, code] of table) {
      service.on(`/v1/rim/${id}`, { body });
      const [item] = await fetchOnce({ directory, service, roots, wanted: [{ kind: 'nvidiaRim', id }] });
      expect([what, item?.outcome === 'failed' ? item.code.slice(0, code.length) : item?.outcome]).toEqual([
        what,
        code,
      ]);
    }
  });

  it('sends its key to its RIM service alone', async () => {
    const seen: string[] = [];
    service.onHeaders(({ authorization }) => seen.push(authorization ?? 'none'));
    const options = { nvidiaApiKey: 'secret' };
    const wanted = [{ kind: 'nvidiaRim', id: 'NV_X_1' } as const, chainKey];
    const items = await fetchOnce({ directory, service, roots: world.roots, wanted, options });
    expect(new Set(seen)).toEqual(new Set(['Bearer secret', 'none']));
    expect(seen).toHaveLength(2);
    expect(JSON.stringify(items)).not.toContain('secret');
  });
});
