// `site start`: the agent. A supervisor with a vault (data, no network) and a courier (network, no data), until it is told to stop.
import { setTimeout as sleep } from 'node:timers/promises';
import { lstat } from 'node:fs/promises';
import { readPolicyFile, refusesEverything } from '../config/policy-file.ts';
import { readFounding } from '../founding/genesis-file.ts';
import { requirePrivateDirectory } from '../keys/key-file.ts';
import { requirePrivateKeysDirectory } from '../keys/site-keys.ts';
import { withSettings } from '../config/site-paths.ts';
import { launchCourier, launchVault } from '../isolation/launch.ts';
import { requireIsolation } from '../isolation/probe.ts';
import { openAgentLog, type AgentLog } from '../supervisor/agent-log.ts';
import { supervise } from '../supervisor/supervisor.ts';
import type { Command, Surroundings } from './command.ts';
import { dirOption, type OpenSite, openSite } from './options.ts';

export const siteStart: Command = {
  words: ['site', 'start'],
  summary: "run this site's agent",
  about: [
    'Runs until Ctrl-C or SIGTERM. The vault has the data and no network; the courier has the network and no data. What dies is started again. Before the federation is complete it waits for it.',
    'One line on stdout says when the agent is ready. The log is DIR/agent.log; it has no patients’ data.',
  ],
  options: { dir: dirOption },
  positionals: [],
  example: 'wardround site start --dir ./north',
  async run(typed, around) {
    const site = await openSite(typed);
    await requireStartable(site, around);
    const log = await openAgentLog(site.paths, (line) => around.progress(line));
    try {
      await runAgent({ site, around, log, json: typed.flag('json') });
      log.info('stopped');
    } finally {
      log.close();
    }
    return { json: null, lines: [] };
  },
};

async function requireStartable({ paths, config }: OpenSite, around: Surroundings): Promise<void> {
  requirePrivateDirectory(paths.directory, await lstat(paths.directory));
  await requirePrivateKeysDirectory(paths);
  requirePrivateDirectory(paths.vault, await lstat(paths.vault));
  const { policy } = await readPolicyFile(paths.policy);
  if (refusesEverything(policy))
    around.progress('policy.yaml refuses every machine until its measurements are filled in');
  if (config.vaultIsolation === 'vaultNotIsolated')
    around.progress('WEAKNESS vaultNotIsolated: the vault could reach the network');
  if ((await readFounding(paths)) === null) around.progress('the federation is not complete yet; waiting for it');
}

async function runAgent({
  site,
  around,
  log,
  json,
}: {
  site: OpenSite;
  around: Surroundings;
  log: AgentLog;
  json: boolean;
}): Promise<void> {
  const { paths, config } = site;
  let announced = false;
  await supervise({
    launches: { vault: launchVault(withSettings(paths, config), config), courier: launchCourier() },
    signal: around.signal,
    graceMilliseconds: 5000,
    onLine: (role, line) => log.line(role, line),
    onReady: (pids) => {
      log.info('running', { ...pids, vaultIsolation: config.vaultIsolation });
      if (announced) return;
      announced = true;
      const ready = {
        ready: true,
        site: config.name,
        vaultIsolation: config.vaultIsolation,
        supervisor: process.pid,
        ...pids,
      };
      around.announce(
        json ? JSON.stringify(ready) : `ready: site ${config.name}, vault isolated by ${config.vaultIsolation}`,
      );
    },
    onRestart: ({ role, how, waitMilliseconds }) => {
      const message = `the ${role} ended (${how}); starting both again in ${waitMilliseconds / 1000} s`;
      log.line('supervisor', { level: 40, message, code: undefined, fields: { role, how } });
    },
    // The vault looks for itself, each time it starts, whether it is off the network. This says why it could not even start.
    examine: async () => await requireIsolation(config.vaultIsolation),
    wait: async (milliseconds, signal) => await sleep(milliseconds, undefined, { signal }).catch(() => undefined),
    now: () => performance.now(),
  });
}
