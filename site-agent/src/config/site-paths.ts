// Where everything of a site lives: one directory, 0700, whose parts are held by different processes (see docs/architecture.md).
import { join, resolve } from 'node:path';

export interface SitePaths {
  /** Absolute. */
  readonly directory: string;
  readonly config: string;
  readonly policy: string;
  readonly keys: string;
  /** A person's: only the commands that a person types read it. */
  readonly approvalKey: string;
  readonly agentKey: string;
  readonly witnessKey: string;
  readonly vault: string;
  readonly federation: string;
  /** What this site agreed to when it signed. */
  readonly signedGenesis: string;
  /** The complete genesis, with every founder's signature. */
  readonly genesis: string;
  readonly snapshots: string;
  readonly studies: string;
  readonly inbox: string;
  readonly inboxDone: string;
  /** What the vault last wrote for people. */
  readonly status: string;
  /** Always empty: where the vault's own root is mounted, in a namespace that nobody else sees. */
  readonly jail: string;
  readonly log: string;
  /** The mirror of vendors' collateral, wherever the settings say; null where they name none. */
  readonly collateral: string | null;
}

export function sitePaths(directory: string): SitePaths {
  const root = resolve(directory);
  const keys = join(root, 'keys');
  const vault = join(root, 'vault');
  const federation = join(vault, 'federation');
  return {
    directory: root,
    config: join(root, 'site.yaml'),
    policy: join(root, 'policy.yaml'),
    keys,
    approvalKey: join(keys, 'approval.json'),
    agentKey: join(keys, 'agent.json'),
    witnessKey: join(keys, 'witness.json'),
    vault,
    federation,
    signedGenesis: join(federation, 'signed.json'),
    genesis: join(federation, 'genesis.json'),
    snapshots: join(vault, 'snapshots'),
    studies: join(vault, 'studies'),
    inbox: join(vault, 'inbox'),
    inboxDone: join(vault, 'inbox', 'done'),
    status: join(vault, 'status.json'),
    jail: join(root, 'jail'),
    log: join(root, 'agent.log'),
    collateral: null,
  };
}

/** The same, with what the settings add. */
export function withSettings(
  paths: SitePaths,
  { collateral }: { readonly collateral?: string | undefined },
): SitePaths {
  return collateral === undefined ? paths : { ...paths, collateral: resolve(paths.directory, collateral) };
}

/** Every directory of a site, parents first. */
export function siteDirectories(paths: SitePaths): readonly string[] {
  const { directory, keys, jail, vault, federation, snapshots, studies, inbox, inboxDone } = paths;
  return [directory, keys, jail, vault, federation, snapshots, studies, inbox, inboxDone];
}
