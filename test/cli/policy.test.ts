// `wardround policy`: init writes what parses and refuses, explain says what is in it, mistakes are named by their path.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { wrapped } from '../../cli/src/wrap.ts';
import { wardround } from './run-wardround.ts';

const folder = mkdtempSync(join(tmpdir(), 'wardround-policy-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('wardround policy', () => {
  it('writes a policy that explain reads, and overwrites nothing', async () => {
    const out = join(folder, 'tdx.yaml');
    const init = ['policy', 'init', '--platform', 'tdx', '--gpu', 'hopper'];
    expect(await wardround([...init, '--out', out])).toMatchObject({ status: 0, stdout: '' });
    expect(readFileSync(out, 'utf8')).toContain('IT REFUSES EVERY MACHINE');
    expect(await wardround([...init, '--out', out])).toMatchObject({ status: 2 });
    const { status, stdout } = await wardround(['policy', 'explain', out]);
    expect(status).toBe(0);
    expect(stdout).toContain('Machines with Intel TDX');
    expect(stdout).toContain('What no policy covers');
    const json = await wardround(['policy', 'explain', out, '--json']);
    expect(JSON.parse(json.stdout)).toMatchObject({ kind: 'PolicyExplanation', sections: expect.any(Array) });
  });

  it('refuses Milan, and names mistakes by their path', async () => {
    const milan = await wardround(['policy', 'init', '--platform', 'sev-snp', '--product', 'Milan']);
    expect(milan).toMatchObject({ status: 2, stdout: '' });
    expect(milan.stderr).toContain('policy-template');
    const file = join(folder, 'spoilt.yaml');
    const { stdout } = await wardround(['policy', 'init', '--platform', 'sev-snp']);
    writeFileSync(file, stdout.replace('gpu: unused', 'gpu: maybe'));
    const spoilt = await wardround(['policy', 'explain', file, '--json']);
    expect(spoilt.status).toBe(2);
    expect(JSON.parse(spoilt.stdout)).toMatchObject({ error: { code: 'policy-invalid', where: 'gpu' } });
  });
});

describe('wrapped lines', () => {
  const wrapping = { width: 12, first: '- ', rest: '  ' };

  it('fit, and keep long words whole', () => {
    expect(wrapped('one two three', wrapping)).toEqual(['- one two', '  three']);
    expect(wrapped('one two4567', wrapping)).toEqual(['- one', '  two4567']);
    expect(wrapped(`a ${'b'.repeat(20)} c`, wrapping)).toEqual(['- a', `  ${'b'.repeat(20)}`, '  c']);
    expect(wrapped('', wrapping)).toEqual(['- ']);
  });
});
