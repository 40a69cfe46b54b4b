// `wardround study init|validate|compile` on files: the example as it stands, and mistakes with their lines.
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { sharedFolder, wardround } from './run-wardround.ts';

const example = join(sharedFolder, 'plan-example.yaml');
const haveExample = existsSync(example);
if (!haveExample) console.warn(`SKIPPED: no ${example}; set WARDROUND_SHARED_DIR`);

const folder = mkdtempSync(join(tmpdir(), 'wardround-plan-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const template = join(folder, 'plan.yaml');

function planFile(name: string, change: (text: string) => string): string {
  const path = join(folder, name);
  writeFileSync(path, change(readFileSync(template, 'utf8')));
  return path;
}

describe('wardround study', () => {
  it('init writes a plan that is good, and never over another', async () => {
    expect((await wardround(['study', 'init', template])).status).toBe(0);
    expect((await wardround(['study', 'validate', template])).status).toBe(0);
    const again = await wardround(['study', 'init', template]);
    expect(again.status).toBe(1);
    expect(again.stderr).toContain('[file-not-written]');
  });

  it.skipIf(!haveExample)('compiles the example as it stands', async () => {
    const { status, stdout, stderr } = await wardround(['study', 'compile', example, '--json']);
    expect(status).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      kind: 'StudyPlan',
      version: 1,
      federation: null,
      rounds: 15,
      encoding: { update: { ring: 'int32', stepLog2: -24, normBound: '100' } },
      sites: { minimum: 3, maxShare: '0.7', deadlineSeconds: 600 },
      release: { whenSitesAgree: 3 },
    });
    expect(stderr).toContain('--federation');
    expect((await wardround(['study', 'validate', example])).status).toBe(0);
  });

  it('names each mistake by path and line', async () => {
    const path = planFile('wrong.yaml', (text) =>
      text.replace('minimum: 3 ', 'minimun: 3 ').replace('kind: logisticRegression', 'kind: logisticRegresion'),
    );
    const lines = readFileSync(path, 'utf8').split('\n');
    const lineOf = (part: string): number => lines.findIndex((line) => line.includes(part)) + 1;
    const { status, stdout, stderr } = await wardround(['study', 'validate', path, '--json']);
    expect(status).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({
      valid: false,
      code: 'plan-invalid',
      problems: expect.arrayContaining([
        expect.objectContaining({ path: 'sites.minimun', code: 'unknown-key', line: lineOf('minimun') }),
        expect.objectContaining({ path: 'model.kind', code: 'wrong-value', line: lineOf('logisticRegresion') }),
      ]),
    });
    expect(stderr).toContain(`${path}:${lineOf('minimun')}`);
    expect(stderr).toContain('minimum perhaps?');
  });

  it.each([
    ['a key twice', (text: string) => `${text}rounds: 16\n`, 'yaml-invalid'],
    ['an alias', (text: string) => text.replace('[0, 700]', '&a [0, 700]').replace('[0, 300]', '*a'), 'yaml-invalid'],
    [
      'a number with more digits than are kept',
      (text: string) => text.replace('0.001', '0.1000000000000000055'),
      'yaml-invalid',
    ],
    [
      'an integer that is not kept',
      (text: string) => text.replace('seed: 42', 'seed: 9007199254740993'),
      'yaml-invalid',
    ],
    ['no YAML at all', () => '{ a: [', 'yaml-invalid'],
  ])('refuses %s', async (name, change, code) => {
    const path = planFile(`${name.replaceAll(' ', '-')}.yaml`, change);
    const { status, stderr } = await wardround(['study', 'compile', path]);
    expect(status).toBe(1);
    expect(stderr).toContain(`[${code}]`);
  });

  it('refuses a file that is not there', async () => {
    const { status, stdout } = await wardround(['study', 'validate', join(folder, 'none.yaml'), '--json']);
    expect(status).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({ error: { code: 'file-unreadable' } });
  });
});
