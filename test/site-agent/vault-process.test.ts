// The vault as it is shipped: its own process, started as the agent starts it, frames over pipes, real training; and what it refuses.
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type BackendName, isNativeBackend } from '@wardround/learning/tfjs/backend-name';
import { UNVERIFIED_kindOf } from '@wardround/protocol/documents/signed';
import { serveVault } from '../../site-agent/src/channel/courier-link.ts';
import { vaultHeaderSchema } from '../../site-agent/src/channel/frames.ts';
import { openPipe } from '../../site-agent/src/channel/pipe.ts';
import type { VaultIsolation } from '../../site-agent/src/config/site-config.ts';
import { launchVault } from '../../site-agent/src/isolation/launch.ts';
import { probeIsolation } from '../../site-agent/src/isolation/probe.ts';
import { writeKeyFile } from '../../site-agent/src/keys/key-file.ts';
import { approveStudy } from '../../site-agent/src/person/approve-study.ts';
import { VaultFiles } from '../../site-agent/src/vault/files.ts';
import { probeNetwork } from '../../site-agent/src/vault/network-probe.ts';
import { testBackend } from '../learning/test-backend.ts';
import { VaultWorld, weaknesses } from './vault-world.ts';

let isolation: VaultIsolation = 'vaultNotIsolated';
beforeAll(async () => {
  const { works } = await probeIsolation('networkNamespace');
  if (works) isolation = 'networkNamespace';
  else console.warn('SKIPPED in part: this machine has no user namespaces; the vault runs under its named weakness');
});

let world: VaultWorld;
const children: ChildProcessWithoutNullStreams[] = [];
afterEach(async () => {
  for (const child of children.splice(0)) {
    child.kill('SIGKILL');
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  }
  await world.dispose();
});

/** The backend is named, as a hospital may: what does not start is then said at once. */
async function writeSite(how: VaultIsolation, backend: BackendName = testBackend): Promise<void> {
  const { paths, own, policy } = world;
  const config = {
    wardround: 'site/v1',
    name: 'a',
    displayName: 'Hospital a',
    coordinator: 'http://127.0.0.1:9',
    proxy: null,
    vaultIsolation: how,
    source: { kind: 'syntheticHeartDisease', hospital: 'cleveland', seed: 1 },
    policy: 'policy.yaml',
    backend,
    population: 'site',
  };
  await writeFile(paths.config, JSON.stringify(config));
  await writeFile(paths.policy, JSON.stringify(policy));
  await writeKeyFile(paths.agentKey, own.agent);
  await writeKeyFile(paths.witnessKey, own.witness);
}

interface Running {
  readonly child: ChildProcessWithoutNullStreams;
  readonly stderr: () => string;
}

function launch(how: VaultIsolation, backend: BackendName = testBackend): Running {
  const { command, args, env } = launchVault(world.paths, { vaultIsolation: how, backend });
  const child = spawn(command, [...args], { env: { ...env } });
  children.push(child);
  let stderr = '';
  child.stderr.on('data', (piece: Buffer) => (stderr += piece.toString('utf8')));
  return { child, stderr: () => stderr };
}

/** Serves the vault over the in-process board. */
function serve({ child }: Running): void {
  const pipe = openPipe({ input: child.stdout, output: child.stdin, schema: vaultHeaderSchema });
  void serveVault({ pipe, connect: () => world.relay.connect('a') }).catch(() => undefined);
}

/** Waits until site `a` said this kind so often. */
async function heard(kind: string, count: number): Promise<void> {
  const stop = new AbortController();
  for await (const { jws } of world.relay
    .connect('test')
    .board.follow(world.study, { after: 0, signal: stop.signal })) {
    if (UNVERIFIED_kindOf(jws).kind === kind && world.said(kind).length >= count) stop.abort();
  }
}

describe('the vault process', () => {
  it('takes part in a whole study, and is killed once on the way', async () => {
    world = await VaultWorld.create({ plan: (plan) => ({ ...plan, rounds: 1 }) });
    await writeSite(isolation);
    await world.startVault();
    await world.pump();
    const accept =
      isolation === 'vaultNotIsolated' ? [...weaknesses, 'vaultNotIsolated' as const].toSorted() : weaknesses;
    await approveStudy(world.approveRequest({ isolation, accept }));
    world.state?.close();
    world.state = null;
    const now = new Date();
    world.now = now;
    const first = launch(isolation);
    serve(first);
    await heard('Approval', 1);
    for (const peer of world.peers) await peer.approve();
    const enclave = world.enclave();
    await enclave.challenge();
    await heard('ResumeStatement', 1);
    first.child.kill('SIGKILL');
    await once(first.child, 'exit');
    const second = launch(isolation);
    serve(second);
    for (const peer of world.peers) await peer.act();
    await enclave.open();
    await enclave.offer('a');
    const order = await enclave.order();
    await heard('Contribution', 1);
    for (const peer of world.peers) await peer.act();
    const receipt = await enclave.receipt(order);
    await heard('Cosignature', 1);
    for (const peer of world.peers) await peer.act();
    await enclave.sealModel(receipt);
    await heard('SiteStatus', 1);
    expect(world.checks()).toEqual(['study-complete null']);
    expect(await new VaultFiles(world.paths).readResults(world.study)).toMatchObject({
      patients: 12,
      roundsContributed: 1,
    });
    expect(second.stderr()).not.toContain('"x"');
    expect(second.stderr()).toContain(
      `"event":"backend","detail":"${isNativeBackend(testBackend) ? '' : 'tfjs-'}${testBackend} `,
    );
  }, 60_000);

  it('says why it does not start where it can reach a network', async (test) => {
    const { interfaces, ways } = await probeNetwork();
    if (interfaces.length + ways.length === 0) {
      console.warn('SKIPPED: this machine has no network that a vault could reach');
      test.skip();
    }
    world = await VaultWorld.create();
    await writeSite('networkNamespace');
    const running = launch('vaultNotIsolated');
    await once(running.child, 'exit');
    expect(running.child.exitCode).toBe(78);
    expect(running.stderr()).toContain('"code":"vault-not-isolated"');
  });

  it('ends, and trains on nothing else, where the backend of its settings does not start', async () => {
    world = await VaultWorld.create();
    // Installed or not: there is no GPU here, or Node may not load machine code.
    await writeSite(isolation, 'tfjs-node-gpu');
    const running = launch(isolation, 'cpu');
    await once(running.child, 'exit');
    expect(running.child.exitCode).toBe(78);
    expect(running.stderr()).toContain('"code":"backend-unavailable"');
    expect(running.stderr()).not.toContain('"event":"ready"');
  });

  it('does not start twice', async () => {
    world = await VaultWorld.create();
    await writeSite(isolation);
    const first = launch(isolation);
    await once(first.child.stdout, 'readable');
    const second = launch(isolation);
    await once(second.child, 'exit');
    expect(second.stderr()).toContain('"code":"site-locked"');
  });
});
