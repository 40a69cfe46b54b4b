// Keys that nothing signs, in a mirror: by TLS or by a typed word alone, never older than what is there, and shown for what they are.
import { writeFileSync } from 'node:fs';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { genuineRoots } from '@wardround/attestation/collateral/verified-item';
import { readMirror } from '@wardround/attestation/collateral/read-mirror';
import { wantedForPolicy } from '@wardround/attestation/collateral/wanted';
import { nrasThumbprint } from '@wardround/attestation/nvidia/nras-keys';
import type { Policy } from '@wardround/attestation/policy/policy';
import { parsePolicy } from '@wardround/attestation/policy/policy';
import { MirrorWriter } from '../../cli/src/collateral/mirror-writer.ts';
import { readMirrorFiles } from '../../cli/src/collateral/read-files.ts';
import { statusOf } from '../../cli/src/collateral/status.ts';
import { statusText } from '../../cli/src/collateral/text.ts';
import { importFrom, type Transferred } from '../../cli/src/collateral/transfer.ts';
import { vendorAddresses } from '../../cli/src/collateral/vendors.ts';
import { jwk, keysAt } from '../attestation/nras-service.ts';
import { makeWorld, policyFor } from '../attestation/world.ts';
import { someGpuRules, wantingGpu } from '../fakes/gpu-policy.ts';
import { at, FakePace, fetchOnce, freshDirectory, outcomes } from './collateral-world.ts';
import { VendorService } from './vendor-service.ts';

const path = '/.well-known/jwks.json';
const key = { kind: 'nvidiaNrasKeys' } as const;
const jwks = JSON.stringify({ keys: [jwk] });
const hourMs = 3_600_000;

let service: VendorService;
let directory: string;
beforeEach(async () => {
  service = (await VendorService.start()).on(path, { body: jwks });
  directory = freshDirectory();
});
afterEach(async () => await service.stop());

const fetched = async (pace = new FakePace()): Promise<readonly string[]> =>
  outcomes(await fetchOnce({ directory, service, roots: genuineRoots, wanted: [key], pace }));

function stick(name: string, text: string): string {
  const file = join(mkdtempSync(join(tmpdir(), 'wardround-stick-')), name);
  writeFileSync(file, text);
  return file;
}

async function imported(from: string, believeNrasKeys: boolean): Promise<Transferred> {
  const writer = await MirrorWriter.open(directory, { roots: genuineRoots, now: () => at });
  try {
    return await importFrom([from], { writer, now: at, believeDates: false, believeNrasKeys });
  } finally {
    writer.close();
  }
}

const codes = ({ items }: Transferred): readonly string[] =>
  items.map((item) => (item.outcome === 'refused' ? item.code : item.outcome));

describe('fetching the service’s keys', () => {
  it('keeps them with the address and the time, and asks again when they are half a day old', async () => {
    const pace = new FakePace();
    expect(await fetched(pace)).toEqual(['nvidiaNrasKeys: added']);
    expect(await fetched(pace)).toEqual(['nvidiaNrasKeys: fresh']);
    const { mirrored, endorsements } = readMirror(await readMirrorFiles(directory), { at, roots: genuineRoots });
    expect(mirrored.map(({ endorsement }) => endorsement)).toEqual([
      { ...keysAt(at), source: `${service.url}${path}` },
    ]);
    // What an enclave would send along: nobody may believe it there.
    expect(endorsements).toEqual([]);
    pace.pass(13 * hourMs);
    expect(await fetched(pace)).toEqual(['nvidiaNrasKeys: replaced']);
    expect(service.asked).toEqual([path, path]);
  });

  it.each<readonly [string, string, string]>([
    ['no JSON', 'hello', 'nras-keys-malformed'],
    ['no keys', '{"keys":[]}', 'nras-keys-malformed'],
    ['a key twice', JSON.stringify({ keys: [jwk, jwk] }), 'nras-keys-malformed'],
    ['without end', jwks.padEnd(70_000), 'collateral-too-large'],
  ])('refuses %s', async (_, body, code) => {
    service.on(path, { body });
    expect(await fetched()).toEqual([`nvidiaNrasKeys: ${code}`]);
  });

  it('over anything but TLS is refused, and nothing is asked', async () => {
    const addresses = { ...vendorAddresses, nvidiaNras: 'http://nras.example' };
    const items = await fetchOnce({
      directory,
      service,
      roots: genuineRoots,
      wanted: [key],
      options: {
        addresses,
        send: async () => await Promise.reject(new Error('asked')),
      },
    });
    expect(outcomes(items)).toEqual(['nvidiaNrasKeys: collateral-unsigned']);
  });
});

describe('keys on a stick', () => {
  it('enter only where somebody types that they are believed', async () => {
    const file = stick('jwks.json', jwks);
    expect(codes(await imported(file, false))).toEqual(['collateral-unsigned']);
    expect(codes(await imported(file, true))).toEqual(['added']);
  });

  it('of a mirror neither, and older ones replace nothing', async () => {
    await fetched(new FakePace(new Date(at.getTime() - hourMs)));
    const other = directory;
    directory = freshDirectory();
    expect(codes(await imported(other, false))).toEqual(['collateral-unsigned']);
    expect(codes(await imported(other, true))).toEqual(['added']);
    expect(codes(await imported(stick('jwks.json', jwks), true))).toEqual(['replaced']);
    expect(codes(await imported(other, true))).toEqual(['collateral-older']);
  });

  it('that were fetched tomorrow do not enter', async () => {
    const tomorrow = keysAt(new Date(at.getTime() + 24 * hourMs));
    expect(codes(await imported(stick('keys.json', JSON.stringify(tomorrow)), true))).toEqual([
      'collateral-not-yet-valid',
    ]);
  });

  it.each(['{"keys":1}', '{"type":"nrasKeys"}', JSON.stringify({ ...keysAt(at), more: 1 })])(
    'that are none are no collateral: %s',
    async (text) => {
      expect((await imported(stick('x.json', text), true)).unknown).toHaveLength(1);
    },
  );
});

describe('the status of a mirror', () => {
  const policy = async (): Promise<Policy> => {
    const required = { keys: 'mirrored' as const, maxKeysAgeSeconds: 172_800 };
    return parsePolicy(wantingGpu(policyFor(await makeWorld('Genoa')), { ...someGpuRules, nras: { required } }));
  };

  it('says from when the policy refuses them, that nobody signed them, and by which thumbprint they are compared', async () => {
    await fetched();
    const wanting = await policy();
    expect(wantedForPolicy(wanting)).toContainEqual(key);
    const statusAt = async (time: Date): Promise<ReturnType<typeof statusOf>> =>
      statusOf(readMirror(await readMirrorFiles(directory), { at: time, roots: genuineRoots }), {
        at: time,
        policy: wanting,
      });
    const status = await statusAt(at);
    const [thumbprint = ''] = keysAt(at).keys.map(nrasThumbprint);
    expect(status.lines[0]).toMatchObject({
      key,
      state: 'soon',
      refusesFrom: new Date(at.getTime() + 48 * hourMs).toISOString(),
      because: 'nras.maxKeysAgeSeconds of the policy',
      thumbprints: [thumbprint],
    });
    const text = statusText(status);
    expect(text).toContain('not signed');
    expect(text).toContain(thumbprint);
    const [late] = (await statusAt(new Date(at.getTime() + 49 * hourMs))).lines;
    expect(late).toMatchObject({ state: 'refused' });
  });

  it('names them as missing where the policy needs them', async () => {
    await MirrorWriter.open(directory, { roots: genuineRoots, now: () => at }).then((writer) => writer.close());
    writeFileSync(join(directory, 'index.json'), '{"kind":"CollateralIndex","version":1,"items":[]}');
    const reading = readMirror(await readMirrorFiles(directory), { at, roots: genuineRoots });
    expect(statusOf(reading, { at, policy: await policy() }).lines).toContainEqual({ key, state: 'missing' });
  });
});
