// The real courier through a hospital's proxy that opens TLS: nothing goes through before its authority is trusted, everything after.
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { concatBytes, utf8 } from '@wardround/protocol/bytes';
import { sealInfo } from '@wardround/protocol/hpke';
import { generateHpkeKey } from '@wardround/protocol/hpke-keys';
import { labels } from '@wardround/protocol/labels';
import { chunkDigest } from '@wardround/protocol/manifest';
import { openStream, sealStream } from '@wardround/protocol/sealed-stream';
import { proveWith } from '@wardround/relay/prove';
import { courierHeaderSchema, type CourierHeader, type VaultHeader } from '../../site-agent/src/channel/frames.ts';
import { openPipe } from '../../site-agent/src/channel/pipe.ts';
import { VaultRelay } from '../../site-agent/src/channel/vault-relay.ts';
import { launchCourier } from '../../site-agent/src/isolation/launch.ts';
import { type Process, startProcess } from '../../site-agent/src/isolation/start-process.ts';
import { type Founded, makeFounded, siteOf, take } from '../fakes/board.ts';
import { CertificateAuthority } from '../fakes/certificate-authority.ts';
import { type OpeningProxy, startOpeningProxy, startTlsFront, type TlsFront } from '../fakes/opening-proxy.ts';
import { type LocalCoordinator, startLocal } from '../fakes/raw-party.ts';

let [folder, hospitalPem] = ['', ''];
let founded: Founded;
let front: TlsFront;
let coordinator: LocalCoordinator;
let proxy: OpeningProxy;
const children: Process[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'wardround-proxy-'));
  const [hospital, web] = [await CertificateAuthority.make('Hospital'), await CertificateAuthority.make('Web')];
  hospitalPem = join(folder, 'hospital.pem');
  await writeFile(hospitalPem, hospital.pem);
  founded = await makeFounded();
  front = await startTlsFront(await web.identityFor('localhost'));
  coordinator = await startLocal({}, front.origin);
  front.forwardTo(coordinator.listening);
  proxy = await startOpeningProxy({ own: hospital, upstream: web });
});
afterEach(async () => {
  vi.unstubAllEnvs();
  for (const child of children.splice(0)) {
    child.stdin.end();
    if (child.exitCode === null) await once(child, 'exit');
  }
});
afterAll(async () => {
  proxy.close();
  front.close();
  await coordinator.dispose();
  await rm(folder, { recursive: true, force: true });
});

/** The courier as the supervisor starts it, in an environment that says so much; this test is its vault. */
function startCourier(environment: Readonly<Record<string, string>>, namedProxy: string | null): Courier {
  for (const name of ['NO_PROXY', 'no_proxy', 'https_proxy', 'HTTPS_PROXY', 'NODE_EXTRA_CA_CERTS'])
    vi.stubEnv(name, undefined);
  for (const [name, value] of Object.entries(environment)) vi.stubEnv(name, value);
  const child = startProcess(launchCourier());
  children.push(child);
  const pipe = openPipe<VaultHeader, CourierHeader>({
    input: child.stdout,
    output: child.stdin,
    schema: courierHeaderSchema,
  });
  const site = siteOf(founded);
  const prove = proveWith({ role: 'site', name: site.name, key: site.agent, token: coordinator.secrets.invitation });
  const relay = new VaultRelay(pipe, { prove, rewound: () => undefined, online: () => undefined });
  relay.run().catch(() => undefined);
  const hello = { type: 'hello', name: site.name, coordinator: front.origin, proxy: namedProxy } as const;
  return {
    relay,
    log: createInterface(child.stderr)[Symbol.asyncIterator](),
    hello: async () => await pipe.send(hello),
  };
}

interface Courier {
  readonly relay: VaultRelay;
  /** Lines of its log. */
  readonly log: AsyncIterator<string>;
  readonly hello: () => Promise<void>;
}

async function collect(pieces: AsyncIterable<Uint8Array>): Promise<Uint8Array<ArrayBuffer>> {
  const parts: Uint8Array[] = [];
  for await (const piece of pieces) parts.push(piece);
  return concatBytes(...parts);
}

describe('a proxy that opens TLS', () => {
  it('is not believed by itself: the log names what is missing, and nothing was said', async () => {
    const { hello, log } = startCourier({}, proxy.url);
    const before = proxy.seen().length;
    await hello();
    const line = (await log.next()).value;
    expect(JSON.parse(String(line))).toMatchObject({
      code: 'relay-certificate',
      detail: expect.stringContaining('NODE_EXTRA_CA_CERTS'),
    });
    expect(proxy.tunnels.length).toBeGreaterThan(0);
    expect(proxy.seen()).toHaveLength(before);
  });

  it.each([
    ['site.yaml', (): [Record<string, string>, string | null] => [{}, proxy.url]],
    ['HTTPS_PROXY', (): [Record<string, string>, string | null] => [{ HTTPS_PROXY: proxy.url }, null]],
  ])('named by %s, carries records and chunks once its authority is trusted', async (_where, settings) => {
    const [environment, named] = settings();
    const { relay, hello } = startCourier({ ...environment, NODE_EXTRA_CA_CERTS: hospitalPem }, named);
    const tunnels = proxy.tunnels.length;
    await hello();
    const { records } = founded.federation;
    for (const jws of records) await relay.board.publish('federation', jws);
    const read = await take(relay.board, { topic: 'federation', count: records.length });
    expect(read.map(({ jws }) => jws)).toEqual(records);

    const receiver = await generateHpkeKey();
    const info = sealInfo(labels.contributionSeal, 'a'.repeat(64));
    const secret = utf8('weights of the patients of one hospital');
    const { enc, chunks } = await sealStream({ source: [secret], recipient: receiver.publicKey, info });
    const sealed = await collect(chunks);
    await relay.chunks.put(chunkDigest(sealed), sealed);
    const got = await relay.chunks.get(chunkDigest(sealed));
    const opened = await collect(openStream({ source: [got], privateKey: receiver, enc, info }));
    expect(opened).toEqual(secret);

    // What the proxy has is what the coordinator has: plans and ciphertext, and no update.
    const seen = proxy.seen();
    expect(proxy.tunnels.length).toBeGreaterThan(tunnels + 1);
    expect(seen.includes(Buffer.from(records[0] ?? '?'))).toBe(true);
    expect(seen.includes(Buffer.from(sealed))).toBe(true);
    expect(seen.includes(Buffer.from(secret))).toBe(false);
  });
});
