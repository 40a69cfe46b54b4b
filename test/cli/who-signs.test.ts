// Who signs a plan that is compiled for a federation: never the first of several researchers, silently.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { DocumentOf } from '@wardround/protocol/documents/registry';
import { sign } from '@wardround/protocol/documents/signed';
import { generateHpkeKey } from '@wardround/protocol/hpke-keys';
import { generateSigningKey } from '@wardround/protocol/keys';
import { createParty } from '../../cli/src/party/party-directory.ts';
import { planTemplate } from '../../cli/src/plan-template.ts';
import { foundFakeFederation, type FakeFederation } from '../fakes/fake-federation.ts';
import { wardround } from './run-wardround.ts';

const folder = mkdtempSync(join(tmpdir(), 'wardround-signs-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const toLind = join(folder, 'to-lind.yaml');
const toBoth = join(folder, 'to-both.yaml');
const [oneResearcher, twoResearchers] = [join(folder, 'one'), join(folder, 'two')];

beforeAll(async () => {
  writeFileSync(toLind, planTemplate);
  writeFileSync(toBoth, planTemplate.replace('to: [dr.lind]', 'to: [dr.lind, dr.aaby]'));
  const federation = await foundFakeFederation({ siteNames: ['cleveland', 'hungary', 'switzerland', 'va'] });
  const { records, view } = federation;
  keep(oneResearcher, { federation: view.federation, records });
  keep(twoResearchers, { federation: view.federation, records: [...records, ...(await withSecond(federation))] });
});

function keep(directory: string, file: { readonly federation: string; readonly records: readonly string[] }): void {
  mkdirSync(directory);
  writeFileSync(join(directory, 'federation.json'), JSON.stringify(file));
}

/** Dr Aaby stands before Dr Lind in the alphabet, and so in the federation's list. */
async function withSecond({ view, sites }: FakeFederation): Promise<readonly string[]> {
  const researcher = {
    name: 'dr.aaby',
    displayName: 'Dr Aaby',
    signing: generateSigningKey().publicKey,
    receiving: (await generateHpkeKey()).publicKey,
  };
  const change: DocumentOf<'Membership'> = {
    kind: 'Membership',
    version: 1,
    federation: view.federation,
    predecessor: view.membership,
    sequence: 1,
    issuedAt: '2026-11-20T00:00:00.000Z',
    reason: 'Dr Aaby joins',
    changes: [{ action: 'addResearcher', researcher }],
  };
  return await Promise.all(sites.map(async ({ approval }) => (await sign('Membership', change, approval)).jws));
}

async function compiled(plan: string, ...words: readonly string[]): Promise<unknown> {
  const { status, stdout } = await wardround(['study', 'compile', plan, ...words, '--json']);
  expect(status).toBe(/"error"|"valid": ?false/.test(stdout) ? 1 : 0);
  return JSON.parse(stdout);
}

describe('the researcher of a compiled plan', () => {
  it('is the only one of the federation', async () => {
    expect(await compiled(toLind, '--federation', oneResearcher)).toMatchObject({ researcher: 'dr.lind' });
  });

  it('is the only one whom the plan names', async () => {
    const file = join(twoResearchers, 'federation.json');
    expect(await compiled(toLind, '--federation', file)).toMatchObject({ researcher: 'dr.lind' });
  });

  it('is the one that was typed', async () => {
    for (const name of ['dr.aaby', 'dr.lind']) {
      const words = ['--federation', twoResearchers, '--researcher', name];
      expect(await compiled(toBoth, ...words)).toMatchObject({ researcher: name });
      expect(await compiled(toLind, ...words)).toMatchObject({ researcher: name });
    }
  });

  it('is asked for where there are several, by name', async () => {
    for (const path of [twoResearchers, join(twoResearchers, 'federation.json')]) {
      expect(await compiled(toBoth, '--federation', path)).toMatchObject({
        error: { code: 'researcher-unnamed', expected: 'one of dr.aaby, dr.lind' },
      });
    }
  });

  it('is the one whose directory it is', async () => {
    const path = join(folder, 'aaby');
    await createParty({ path, role: 'researcher', name: 'dr.aaby', displayName: 'Dr Aaby' });
    writeFileSync(join(path, 'federation.json'), readFileSync(join(twoResearchers, 'federation.json')));
    expect(await compiled(toBoth, '--federation', path)).toMatchObject({ researcher: 'dr.aaby' });
    expect(await compiled(toLind, '--federation', path)).toMatchObject({ researcher: 'dr.aaby' });
    expect(await compiled(toLind, '--federation', path, '--researcher', 'dr.lind')).toMatchObject({
      researcher: 'dr.lind',
    });
  });

  it('must be of the federation', async () => {
    expect(await compiled(toLind, '--federation', oneResearcher, '--researcher', 'dr.who')).toMatchObject({
      valid: false,
      problems: [{ code: 'researcher-unknown', expected: 'one of dr.lind', got: 'dr.who' }],
    });
  });
});
