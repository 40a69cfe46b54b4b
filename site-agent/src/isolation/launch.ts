// The exact command lines of the vault, the courier and the importer. The tests start their probes through these same functions.
import { isNativeBackend } from '@wardround/learning/tfjs/backend-name';
import type { SiteConfig, VaultIsolation } from '../config/site-config.ts';
import type { SitePaths } from '../config/site-paths.ts';
import { confined, type View } from './confinement.ts';
import { nodeFlags } from './node-permissions.ts';
import { courierCode, courierMain, importerCode, vaultCode, vaultMain } from './program.ts';

export interface Launch {
  readonly command: string;
  readonly args: readonly string[];
  /** The whole environment: NODE_OPTIONS and whatever else the caller's shell has stays outside. */
  readonly env: Readonly<Record<string, string>>;
}

/** Where the wrapper's tools are looked for, unless the agent's own environment says where. */
const usualPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** In both spellings; they count where site.yaml names no proxy. */
const proxyVariables = ['HTTPS_PROXY', 'HTTP_PROXY', 'NO_PROXY'].flatMap((name) => [name, name.toLowerCase()]);

/** Of the settings what decides how the vault is started. */
export type VaultSettings = Pick<SiteConfig, 'vaultIsolation' | 'backend'>;

/** @param script what runs instead of the vault: the tests' probe */
export function launchVault(paths: SitePaths, settings: VaultSettings, script: string = vaultMain): Launch {
  const readable = [
    ...vaultCode,
    ...(script === vaultMain ? [] : [script]),
    paths.config,
    paths.policy,
    paths.agentKey,
    paths.witnessKey,
    ...(paths.collateral === null ? [] : [paths.collateral]),
  ];
  return launchConfined(settings.vaultIsolation, {
    view: { mountPoint: paths.jail, readable, writable: [paths.vault] },
    addons: settings.backend !== undefined && isNativeBackend(settings.backend),
    script,
    args: [paths.directory],
  });
}

/** The courier has the network, and no file of the site: it reads its own code only. */
export function launchCourier(script: string = courierMain): Launch {
  const readable = [...courierCode, ...(script === courierMain ? [] : [script])];
  return {
    command: process.execPath,
    // No eval where hostile bytes arrive first. (Apache Arrow needs it, so the vault cannot forbid it.)
    args: [...nodeFlags({ readable, writable: [] }), '--disallow-code-generation-from-strings', script],
    env: { ...inherited(['NODE_EXTRA_CA_CERTS', 'SSL_CERT_FILE', 'SSL_CERT_DIR', ...proxyVariables]) },
  };
}

/**
 * The importer reads the configured source and writes snapshots. Where its source needs no network it gets none.
 *
 * @param sources the only paths outside our code that it may read
 */
export function launchImporter(
  paths: SitePaths,
  { isolation, script, sources }: { isolation: VaultIsolation; script: string; sources: readonly string[] },
): Launch {
  const view = {
    mountPoint: paths.jail,
    readable: [...importerCode, script, ...sources],
    writable: [paths.snapshots],
  };
  return launchConfined(isolation, { view, addons: false, script, args: [] });
}

interface ConfinedProgram {
  readonly view: View;
  readonly addons: boolean;
  readonly script: string;
  readonly args: readonly string[];
}

function launchConfined(isolation: VaultIsolation, { view, addons, script, args }: ConfinedProgram): Launch {
  const node = [process.execPath, ...nodeFlags({ ...view, addons }), script, ...args];
  const shown = { ...view, readable: [process.execPath, ...view.readable] };
  const [command = process.execPath, ...rest] = confined(isolation, shown, node);
  return { command, args: rest, env: { PATH: usualPath, ...inherited(['PATH', 'XDG_RUNTIME_DIR']) } };
}

function inherited(names: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    names.flatMap((name) => {
      const value = process.env[name];
      return value === undefined ? [] : [[name, value]];
    }),
  );
}
