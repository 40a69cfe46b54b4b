// The vault's process: frames on stdin and stdout, logs as JSON lines on stderr, the site's directory as its one argument. No network.
import { Console } from 'node:console';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { setInterval } from 'node:timers';
import { defaultBackend } from '@wardround/learning/tfjs/backend-name';
import { copyBytes } from '@wardround/protocol/bytes';
import type { Weakness } from '@wardround/protocol/documents/consent';
import { sign } from '@wardround/protocol/documents/signed';
import { describeError, WardroundError } from '@wardround/protocol/errors';
import type { FederationView } from '@wardround/protocol/federation-view';
import { courierHeaderSchema, type CourierHeader, type VaultHeader } from '../channel/frames.ts';
import { openPipe } from '../channel/pipe.ts';
import { VaultRelay } from '../channel/vault-relay.ts';
import { writeDurably } from '../config/durable-file.ts';
import { readPolicyFile } from '../config/policy-file.ts';
import { readSiteConfig, type SiteConfig } from '../config/site-config.ts';
import { type SitePaths, sitePaths, withSettings } from '../config/site-paths.ts';
import { awaitFounding } from '../founding/await-founding.ts';
import { openDoors } from '../gate/outlet.ts';
import { type AgentKeys, readAgentKeys } from '../keys/site-keys.ts';
import { LedgerFile } from '../ledger/ledger-file.ts';
import { VaultClock } from './clock.ts';
import { VaultFiles } from './files.ts';
import { Inbox } from './inbox-files.ts';
import { TfjsLearner } from './learner.ts';
import { lockSite } from './lock.ts';
import { OwnMirror } from './mirror.ts';
import { probeNetwork, requireIsolated } from './network-probe.ts';
import type { LogEvent, VaultPorts } from './ports.ts';
import { VaultState } from './state.ts';
import { Vault } from './vault.ts';

/** How often the inbox and the time are looked at. */
const tickMs = 500;

const log = (event: LogEvent): void => {
  process.stderr.write(`${JSON.stringify({ at: new Date().toISOString(), process: 'vault', ...event })}\n`);
};

async function main(directory: string): Promise<void> {
  // Stdout carries frames: a library that prints there must not break them.
  globalThis.console = new Console(process.stderr, process.stderr);
  const paths = sitePaths(directory);
  const config = await readSiteConfig(paths);
  await requireNoNetwork(config);
  const lock = lockSite(join(paths.vault, 'lock.sqlite'));
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort());
  try {
    await runVault({ paths, config, stop });
  } finally {
    lock.release();
  }
}

/** It proves by looking; what the settings say is not believed. */
async function requireNoNetwork({ vaultIsolation }: SiteConfig): Promise<void> {
  const reach = await probeNetwork();
  requireIsolated(reach, vaultIsolation === 'vaultNotIsolated');
  const found = [...reach.interfaces, ...reach.ways].join(', ');
  if (found !== '') log({ level: 'warn', event: 'vault-not-isolated', code: 'vaultNotIsolated', detail: found });
}

async function runVault({
  paths,
  config,
  stop,
}: {
  paths: SitePaths;
  config: SiteConfig;
  stop: AbortController;
}): Promise<void> {
  const keys = await readAgentKeys(paths);
  let vault: Vault | null = null;
  let isOnline = false;
  const pipe = openPipe<VaultHeader, CourierHeader>({
    input: process.stdin,
    output: process.stdout,
    schema: courierHeaderSchema,
  });
  const relay = new VaultRelay(pipe, {
    prove: async (challenge) => await prove(config, keys, challenge),
    rewound: (topic) => vault?.rewound(topic),
    online: (online) => {
      isOnline = online;
      vault?.setOnline(online);
    },
  });
  // Its end, the supervisor's too, is ours.
  const reading = relay.run().finally(() => stop.abort());
  try {
    await pipe.send({ type: 'hello', name: config.name, coordinator: config.coordinator, proxy: config.proxy });
    const view = await Promise.race([founded(paths, relay, stop.signal), reading]);
    if (!view) return;
    vault = await Vault.open(await openPorts({ paths, config, keys, relay }), {
      view,
      isolation: config.vaultIsolation,
    });
    vault.setOnline(isOnline);
    log({ level: 'info', event: 'ready' });
    await runUntil(vault, reading, stop.signal);
  } finally {
    stop.abort();
  }
}

/** The federation, for which the site of an early signer waits. */
async function founded(paths: SitePaths, relay: VaultRelay, signal: AbortSignal): Promise<FederationView | null> {
  const onWaiting = (): void => log({ level: 'info', event: 'waiting-for-founding' });
  return await awaitFounding({ paths, board: relay.board, signal, onWaiting });
}

async function runUntil(vault: Vault, reading: Promise<void>, signal: AbortSignal): Promise<void> {
  const ticking = setInterval(() => vault.wake(), tickMs);
  try {
    await Promise.race([vault.run(signal), reading]);
  } finally {
    clearInterval(ticking);
  }
}

async function openPorts({
  paths,
  config,
  keys,
  relay,
}: {
  paths: SitePaths;
  config: SiteConfig;
  keys: AgentKeys;
  relay: VaultRelay;
}): Promise<VaultPorts> {
  const state = new VaultState(join(paths.vault, 'state.sqlite'));
  const clock = new VaultClock(state, () => new Date());
  const mirror = new OwnMirror(withSettings(paths, config).collateral);
  return {
    site: config.name,
    keys,
    state,
    files: new VaultFiles(paths),
    inbox: new Inbox(paths),
    ledger: await LedgerFile.open(join(paths.vault, 'ledger.jsonl'), state),
    learner: await chosenLearner(config),
    ...openDoors(relay),
    policy: async () => (await readPolicyFile(paths.policy)).policy,
    mirror: async (policy, at) =>
      await mirror.endorsements({ policy, at }, (code, detail) =>
        log({ level: 'warn', event: 'collateral-spoiled', code, detail }),
      ),
    now: () => clock.now(),
    weaknesses: ownWeaknesses(config),
    random: (length) => copyBytes(randomBytes(length)),
    log,
    writeStatus: async (status) => await writeDurably(paths.status, `${JSON.stringify(status, null, 2)}\n`),
  };
}

/** A backend that the settings name is started now: one that does not start is said before any round waits for it. @throws WardroundError `backend-unavailable` */
async function chosenLearner({ backend }: SiteConfig): Promise<TfjsLearner> {
  const learner = new TfjsLearner(backend ?? defaultBackend);
  if (backend !== undefined) log({ level: 'info', event: 'backend', detail: await learner.describe() });
  return learner;
}

/** What this site itself is weak in, whatever the plan. */
function ownWeaknesses({ vaultIsolation }: SiteConfig): readonly Weakness[] {
  return vaultIsolation === 'vaultNotIsolated' ? ['vaultNotIsolated'] : [];
}

/** Only for the coordinator that site.yaml names: a proof for another origin could be passed on there. @throws WardroundError `proof-audience` */
async function prove(
  config: SiteConfig,
  keys: AgentKeys,
  challenge: { nonce: string; audience: string },
): Promise<string> {
  if (challenge.audience !== new URL(config.coordinator).origin) {
    throw new WardroundError('proof-audience', 'a proof was asked for another coordinator', {
      got: challenge.audience,
    });
  }
  const { publicKey } = keys.agent;
  const { jws } = await sign(
    'ConnectionProof',
    {
      kind: 'ConnectionProof',
      version: 1,
      role: 'site',
      name: config.name,
      key: publicKey,
      challenge: challenge.nonce,
      audience: challenge.audience,
      token: null,
    },
    keys.agent,
  );
  return jws;
}

/** What starting again does not mend: the supervisor then stops, by this exit code (sysexits' EX_CONFIG). */
const needsAPerson =
  /^(?:usage|config|policy|backend-unavailable|key-file|key-invalid|site-locked|ledger|federation-file|vault-not-isolated)/;

const [directory] = process.argv.slice(2);
try {
  if (directory === undefined) throw new WardroundError('usage-argument', "the site's directory is missing");
  await main(directory);
  process.exit(0);
} catch (error) {
  const { code, message } = describeError(error);
  log({ level: 'error', event: 'vault-ended', code, detail: message });
  process.exit(needsAPerson.test(code) ? 78 : 1);
}
