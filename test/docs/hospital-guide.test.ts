// docs/hospital-guide.md names only codes, commands and options that exist.
import { globSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';

const root = resolve(import.meta.dirname, '../..');
const page = readFileSync(join(root, 'docs/hospital-guide.md'), 'utf8');
const texts = globSync(
  '{protocol,attestation,privacy,learning,datasets,relay,coordinator,site-agent,cli}/src/**/*.ts',
  {
    cwd: root,
  },
).map((file) => readFileSync(join(root, file), 'utf8'));
const all = texts.join('\n');

describe('docs/hospital-guide.md', () => {
  it('names codes that can be met', () => {
    const table = page.slice(page.indexOf('## What to do for which code'), page.indexOf('## Backups'));
    const codes = [...table.matchAll(/`([a-z]+(?:-[a-z]+)+)`/g)].map((match) => match[1] ?? '');
    expect(codes.length).toBeGreaterThan(50);
    expect(codes.filter((code) => !all.includes(`'${code}'`))).toEqual([]);
  });

  it('names families of codes that have members', () => {
    const families = [...page.matchAll(/`([a-z]+)-\*`/g)].map((match) => match[1] ?? '');
    expect(families.length).toBeGreaterThan(3);
    expect(families.filter((family) => !all.includes(`'${family}-`))).toEqual([]);
  });

  it('types commands and options that the agent has', () => {
    const commands = texts.filter((text) => /words: \['(?:site|federation)'/.test(text)).join('\n');
    const options = globSync('site-agent/src/commands/{options,typed}.ts', { cwd: root })
      .map((file) => readFileSync(join(root, file), 'utf8'))
      .join('\n');
    const typed = [...page.matchAll(/^ {4}wardround (site|federation) ([a-z]+)((?:.*\\\n)*.*)$/gm)];
    expect(typed.length).toBeGreaterThan(12);
    for (const [line, group = '', word = '', rest = ''] of typed) {
      expect(commands, line).toContain(`words: ['${group}', '${word}']`);
      for (const [, option = ''] of rest.matchAll(/ --([a-z-]+)/g)) {
        expect(
          `${commands}\n${options}`.includes(`'${option}': {`) ||
            new RegExp(`\\b${option}: `).test(`${commands}\n${options}`),
          `${line}: --${option}`,
        ).toBe(true);
      }
    }
  });
});
