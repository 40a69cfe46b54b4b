// Researchers and releasers: keys that only they can read, a federation that is believed only by its fingerprint, documents as others read them.
import { createHash } from 'node:crypto';
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { generateHpkeKey } from '@wardround/protocol/hpke-keys';
import { generateSigningKey } from '@wardround/protocol/keys';
import { sign } from '@wardround/protocol/documents/signed';
import type { DocumentOf } from '@wardround/protocol/documents/registry';
import type { RelayConnection } from '@wardround/relay/connect';
import { readFederation, viewAt } from '../../cli/src/federation-file.ts';
import { fingerprintOf, isFingerprint } from '@wardround/protocol/fingerprint';
import { labels } from '@wardround/protocol/labels';
import { readReceivingKey, readSigningKey, writeKeyFile } from '../../cli/src/party/key-files.ts';
import { createParty, openParty } from '../../cli/src/party/party-directory.ts';
import { currentFederation, type Researcher } from '../../cli/src/party/researcher.ts';
import { foundFakeFederation, type FakeFederation } from '../fakes/fake-federation.ts';
import { createMemoryRelay, type MemoryRelay } from '../fakes/memory-relay.ts';
import { wardround } from './run-wardround.ts';

const folder = mkdtempSync(join(tmpdir(), 'wardround-party-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('key files', () => {
  it('keep a key, mode 0600, and never over another', async () => {
    const path = join(folder, 'signing.json');
    const key = generateSigningKey();
    await writeKeyFile(path, key.exportSecret());
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect((await readSigningKey(path)).thumbprint).toBe(key.thumbprint);
    await expect(writeKeyFile(path, key.exportSecret())).rejects.toMatchObject({ code: 'key-file-exists' });
  });

  it('keep a receiving key', async () => {
    const path = join(folder, 'receiving.json');
    const key = await generateHpkeKey();
    await writeKeyFile(path, await key.exportSecret());
    expect((await readReceivingKey(path)).thumbprint).toBe(key.thumbprint);
  });

  it.each([0o640, 0o604, 0o660, 0o777])('are not used with mode %o', async (mode) => {
    const path = join(folder, `mode-${mode}.json`);
    await writeKeyFile(path, generateSigningKey().exportSecret());
    chmodSync(path, mode);
    await expect(readSigningKey(path)).rejects.toMatchObject({ code: 'key-file-mode' });
  });

  it('are ordinary files that hold a key, and say nothing of what else they hold', async () => {
    const link = join(folder, 'link.json');
    symlinkSync(join(folder, 'signing.json'), link);
    await expect(readSigningKey(link)).rejects.toMatchObject({ code: 'key-file-missing' });
    const junk = join(folder, 'junk.json');
    writeFileSync(junk, '{"kty":"OKP","d":"very secret", }', { mode: 0o600 });
    const error: unknown = await readSigningKey(junk).catch((caught: unknown) => caught);
    expect(error).toMatchObject({ code: 'key-file-format' });
    expect(String(error)).not.toContain('very secret');
  });
});

describe('a party’s directory', () => {
  it('is made once', async () => {
    const path = join(folder, 'party');
    await createParty({ path, role: 'researcher', name: 'dr.lind', displayName: 'Dr Lind' });
    await expect(createParty({ path, role: 'researcher', name: 'x', displayName: 'x' })).rejects.toMatchObject({
      code: 'party-exists',
    });
    expect(await openParty(path, 'researcher')).toMatchObject({ name: 'dr.lind', coordinator: null });
    await expect(openParty(path, 'releaser')).rejects.toMatchObject({ code: 'party-invalid' });
    await expect(openParty(join(folder, 'none'), 'researcher')).rejects.toMatchObject({ code: 'party-missing' });
  });

  it('takes only a short name that others can type', async () => {
    const made = createParty({
      path: join(folder, 'bad'),
      role: 'researcher',
      name: 'Dr Lind',
      displayName: 'Dr Lind',
    });
    await expect(made).rejects.toMatchObject({ code: 'party-name' });
  });

  it('must have joined before it launches anything', async () => {
    const dir = join(folder, 'alone');
    expect((await wardround(['researcher', 'init', '--dir', dir, '--name', 'dr.alone', '--json'])).status).toBe(0);
    const { status, stdout } = await wardround(['study', 'status', 'abcdef', '--dir', dir, '--json']);
    expect(status).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({ error: { code: 'researcher-not-joined' } });
  });
});

describe('the fingerprint', () => {
  it('is twenty digits in groups of four, of SHA-256 over the label and the digest', () => {
    const digest = '5a'.repeat(32);
    const hash = createHash('sha256')
      .update(`${labels.fingerprint}\0`)
      .update(Buffer.from(digest, 'hex'))
      .digest('hex');
    const last = (BigInt(`0x${hash}`) % 10n ** 20n).toString().padStart(20, '0');
    expect(fingerprintOf(digest)).toMatch(/^(?:\d{4} ){4}\d{4}$/);
    expect(fingerprintOf(digest).replaceAll(' ', '')).toBe(last);
  });

  it('does not mind spaces and dashes, and minds every digit', () => {
    const digest = 'ab'.repeat(32);
    const digits = fingerprintOf(digest);
    expect(isFingerprint(digits.replaceAll(' ', ''), digest)).toBe(true);
    expect(isFingerprint(digits.replaceAll(' ', '-'), digest)).toBe(true);
    expect(
      isFingerprint(
        digits.replace(/\d$/, (last) => String((Number(last) + 1) % 10)),
        digest,
      ),
    ).toBe(false);
    expect(isFingerprint('', digest)).toBe(false);
  });
});

describe('the federation that a researcher believes', () => {
  let count = 0;

  async function researcherOf({ researcher }: FakeFederation): Promise<Researcher> {
    count += 1;
    const path = join(folder, `researcher-${count}`);
    const party = await createParty({ path, role: 'researcher', name: 'dr.lind', displayName: 'Dr Lind' });
    return {
      party: { ...party, coordinator: 'http://localhost' },
      key: researcher.signing,
      coordinator: 'http://localhost',
    };
  }

  function linkTo(relay: MemoryRelay): RelayConnection {
    const connection = relay.connect('dr.lind');
    return {
      ...connection,
      snapshot: (topic) => connection.snapshot(topic),
      close: async () => await Promise.resolve(),
    };
  }

  function boardOf(...federations: readonly FakeFederation[]): RelayConnection {
    const relay = createMemoryRelay();
    for (const { records } of federations) for (const jws of records) relay.forge('federation', jws);
    return linkTo(relay);
  }

  it('is not believed before its fingerprint was heard', async () => {
    const federation = await foundFakeFederation();
    const researcher = await researcherOf(federation);
    await expect(currentFederation(researcher, boardOf(federation), undefined)).rejects.toMatchObject({
      code: 'federation-unconfirmed',
    });
    await expect(currentFederation(researcher, boardOf(federation), '0000 0000 0000 0000 0000')).rejects.toMatchObject({
      code: 'federation-fingerprint',
    });
  });

  it('is pinned then: a coordinator that shows another one afterwards is not followed', async () => {
    const federation = await foundFakeFederation();
    const researcher = await researcherOf(federation);
    const heard = fingerprintOf(federation.view.federation);
    const { view } = await currentFederation(researcher, boardOf(federation), heard);
    expect(view.federation).toBe(federation.view.federation);
    expect((await readFederation(researcher.party.path)).federation).toBe(federation.view.federation);
    const invented = await foundFakeFederation();
    const after = await currentFederation(researcher, boardOf(invented), undefined);
    expect(after.view.federation).toBe(federation.view.federation);
  });

  it('is found among others by its fingerprint', async () => {
    const [federation, other] = [await foundFakeFederation(), await foundFakeFederation()];
    const researcher = await researcherOf(federation);
    const { view } = await currentFederation(
      researcher,
      boardOf(other, federation),
      fingerprintOf(federation.view.federation),
    );
    expect(view.federation).toBe(federation.view.federation);
  });

  it('must name this researcher with this key', async () => {
    const [federation, other] = [await foundFakeFederation(), await foundFakeFederation()];
    const researcher = await researcherOf(other);
    const attempt = currentFederation(researcher, boardOf(federation), fingerprintOf(federation.view.federation));
    await expect(attempt).rejects.toMatchObject({ code: 'researcher-unknown' });
  });

  it('can be seen as it was when a plan was signed', async () => {
    const federation = await foundFakeFederation();
    const { view, sites, records } = federation;
    const change: DocumentOf<'Membership'> = {
      kind: 'Membership',
      version: 1,
      federation: view.federation,
      predecessor: view.membership,
      sequence: 1,
      issuedAt: '2026-11-20T00:00:00.000Z',
      reason: 'd leaves',
      changes: [{ action: 'removeSite', name: 'd' }],
    };
    const signed = await Promise.all(
      sites.slice(0, 3).map(async ({ approval }) => await sign('Membership', change, approval)),
    );
    const file = { federation: view.federation, records: [...records, ...signed.map(({ jws }) => jws)] };
    expect((await viewAt(file, view.federation)).sites.map(({ name }) => name)).toEqual(['a', 'b', 'c', 'd']);
    expect((await viewAt(file, signed[0]?.digest ?? '')).sites.map(({ name }) => name)).toEqual(['a', 'b', 'c']);
    await expect(viewAt(file, 'ee'.repeat(32))).rejects.toMatchObject({ code: 'membership-unknown' });
  });
});

describe('docs/plan.md', () => {
  it('names every key at the top of a plan', async () => {
    const { planSourceSchema } = await import('@wardround/protocol/plan/source');
    const page = readFileSync(join(import.meta.dirname, '../../docs/plan.md'), 'utf8');
    for (const key of Object.keys(planSourceSchema.shape)) expect(page, key).toMatch(new RegExp(`\`${key}[\`.]`));
  });
});
