// A site's own mirror: what is good in it counts, what is spoiled is told and left out, and one that cannot be read at all refuses.
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { hasCode } from '@wardround/protocol/errors';
import { sha256, toHex } from '@wardround/protocol/bytes';
import type { Policy } from '@wardround/attestation/policy/policy';
import { sitePaths, withSettings } from '../../site-agent/src/config/site-paths.ts';
import { launchVault } from '../../site-agent/src/isolation/launch.ts';
import { OwnMirror } from '../../site-agent/src/vault/mirror.ts';
import { MirrorWriter } from '../../cli/src/collateral/mirror-writer.ts';
import { type AmdWorld, at, chainKey, crlKey, freshDirectory, makeAmdWorld } from '../cli/collateral-world.ts';
import { policyFor } from '../attestation/world.ts';

let world: AmdWorld;
let directory: string;
let policy: Policy;
const told: string[] = [];

beforeAll(async () => {
  world = await makeAmdWorld();
  const { vendor, chip, crl, chain, roots } = world;
  policy = policyFor({ vendor, chip, crl, intermediate: vendor.root });
  directory = freshDirectory();
  const writer = await MirrorWriter.open(directory, { roots, now: () => at });
  const times = { source: 'test', mirroredAt: at, checkedAt: at };
  await writer.enter({ key: chainKey, files: { content: chain, chain: null }, ...times });
  await writer.enter({ key: crlKey, files: { content: crl, chain }, ...times });
  writer.close();
}, 120_000);

async function read(where: string | null, with_: Policy = policy): Promise<readonly string[]> {
  told.length = 0;
  const mirrored = await new OwnMirror(where).endorsements({ policy: with_, at }, (code) => told.push(code));
  return mirrored.map(({ endorsement }) => endorsement.type);
}

describe('a site’s own mirror', () => {
  it('counts where the settings name it', async () => {
    expect(await read(directory)).toEqual(['certificate', 'certificate', 'crl']);
    expect(told).toEqual([]);
    expect(await read(null)).toEqual([]);
  });

  it('believes a simulated vendor only where the policy names it', async () => {
    const { simulatedPlatform: _root, ...strict } = policy;
    expect(await read(directory, strict)).toEqual([]);
    expect(told).toEqual(['snp-root-untrusted', 'snp-root-untrusted']);
  });

  it('loses a spoiled item, and tells', async () => {
    const path = join(directory, 'files', toHex(sha256(world.crl)));
    writeFileSync(path, 'spoiled');
    expect(await read(directory)).toEqual(['certificate', 'certificate']);
    expect(told).toEqual(['collateral-digest']);
    writeFileSync(path, world.crl);
  });

  it('is verified once for the same index, and its dates at each use', async () => {
    const own = new OwnMirror(directory);
    const codes: string[] = [];
    const types = async (when: Date, with_: Policy = policy): Promise<readonly string[]> =>
      (await own.endorsements({ policy: with_, at: when }, (code) => codes.push(code))).map(
        ({ endorsement }) => endorsement.type,
      );
    const all = ['certificate', 'certificate', 'crl'];
    expect(await types(at)).toEqual(all);
    const path = join(directory, 'files', toHex(sha256(world.crl)));
    writeFileSync(path, 'spoiled under the same index');
    expect(await types(at)).toEqual(all);
    // The chain is out of date by then; what a list revokes stays revoked.
    expect(await types(new Date('2046-01-01T00:00:00Z'))).toEqual(['crl']);
    // Another policy trusts other roots, and whatever it finds spoiled is not kept.
    const { simulatedPlatform: _root, ...strict } = policy;
    expect(await types(at, strict)).toEqual([]);
    expect(codes).toEqual(['snp-root-untrusted', 'collateral-digest']);
    expect(await types(at)).toEqual(['certificate', 'certificate']);
    writeFileSync(path, world.crl);
    expect(await types(at)).toEqual(all);
  });

  it('counts what enters from the next use on, and refuses when its index is gone', async () => {
    const where = freshDirectory();
    const { chain, crl, roots, vendor } = world;
    const writer = await MirrorWriter.open(where, { roots, now: () => at });
    const times = { source: 'test', mirroredAt: at, checkedAt: at };
    await writer.enter({ key: crlKey, files: { content: crl, chain }, ...times });
    const own = new OwnMirror(where);
    const lists = async (): Promise<readonly unknown[]> =>
      (await own.endorsements({ policy, at }, () => undefined)).map(({ endorsement }) => endorsement);
    const before = await lists();
    const newer = await vendor.issueCrl({ thisUpdate: at, revoked: ['020001'] });
    await writer.enter({ key: crlKey, files: { content: newer, chain }, ...times });
    expect(await lists()).not.toEqual(before);
    writer.close();
    rmSync(join(where, 'index.json'));
    await expect(lists()).rejects.toSatisfy((error: unknown) => hasCode(error, 'collateral-missing'));
  });

  it('refuses where it is named and cannot be read: what it would have revoked is not known', async () => {
    const codeOf = async (where: string, code: string): Promise<void> =>
      await expect(read(where)).rejects.toSatisfy((error: unknown) => hasCode(error, code));
    await codeOf(freshDirectory(), 'collateral-missing');
    const odd = freshDirectory();
    mkdirSync(odd, { recursive: true });
    writeFileSync(join(odd, 'index.json'), '{}');
    await codeOf(odd, 'collateral-index');
  });

  it('is shown to the vault, to read, and nothing else for it', () => {
    const paths = sitePaths('/srv/wardround/north');
    const named = withSettings(paths, { collateral: '../collateral' });
    expect(named.collateral).toBe('/srv/wardround/collateral');
    const flags = (from: typeof paths): readonly string[] =>
      launchVault(from, { vaultIsolation: 'vaultNotIsolated' }).args.filter((arg) =>
        arg.includes('/srv/wardround/collateral'),
      );
    expect(flags(named)).toEqual(['--allow-fs-read=/srv/wardround/collateral']);
    expect(flags(withSettings(paths, {}))).toEqual([]);
  });
});
