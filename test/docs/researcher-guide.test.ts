// docs/researcher-guide.md: every command and option that it types exists, and its reader of safetensors, run as it stands, reads ours.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import { safetensorsFiles } from '@wardround/learning/export/safetensors';
import { createProgram } from '../../cli/src/program.ts';
import { planOf } from '../learning/plans.ts';
import { f32 } from '../learning/tensors.ts';

const page = readFileSync(resolve(import.meta.dirname, '../../docs/researcher-guide.md'), 'utf8');
const typed = [...page.matchAll(/^ {4}wardround ((?:.*\\\n)*.*)$/gm), ...page.matchAll(/`wardround ([^`]+)`/g)]
  .map(([, line = '']) => line)
  .concat([...page.matchAll(/^# wardround (.*) > \S+$/gm)].map(([, line = '']) => line));

/** The command that the words begin with, as far down as they name one. */
function commandOf(program: Command, words: readonly string[]): Command {
  const [word, ...rest] = words;
  const next = program.commands.find((command) => command.name() === word);
  return next === undefined ? program : commandOf(next, rest);
}

describe('docs/researcher-guide.md', () => {
  it('types commands and options that exist', async () => {
    expect(typed.length).toBeGreaterThan(15);
    for (const line of typed) {
      const words = line.split(/\s+/);
      const command = commandOf(await createProgram(words[0] ?? ''), words);
      expect(command.commands, `${line}: not a whole command`).toEqual([]);
      const known = command.options.map(({ long }) => long);
      const given = words.filter((word) => word.startsWith('--'));
      expect(
        given.filter((option) => !known.includes(option)),
        line,
      ).toEqual([]);
    }
  });

  it('names options of simulate that it has', async () => {
    const simulate = commandOf(await createProgram('simulate'), ['simulate']);
    const known = simulate.options.map(({ long }) => long);
    const section = page.slice(page.indexOf('## 2.'), page.indexOf('## 3.'));
    const named = [...section.matchAll(/`?(--[a-z-]+)/g)].map(([, option = '']) => option);
    expect(named.length).toBeGreaterThan(8);
    expect(named.filter((option) => !known.includes(option))).toEqual([]);
  });

  it('links to pages that are there', () => {
    const links = [...page.matchAll(/\]\(([a-z-]+\.md)(?:#[^)]*)?\)/g)].map(([, file = '']) => file);
    expect(links.length).toBeGreaterThan(3);
    for (const file of links)
      expect(() => readFileSync(resolve(import.meta.dirname, '../../docs', file)), file).not.toThrow();
  });
});

const hasPython = spawnSync('python3', ['--version']).status === 0;
if (!hasPython) console.warn('SKIPPED: there is no python3 here to run the guide’s reader of safetensors');

describe.skipIf(!hasPython)('its reader of safetensors', () => {
  it('reads shapes, numbers and metadata of a released model', () => {
    const [, reader = ''] = /```python stdlib\n([\s\S]*?)```/.exec(page) ?? [];
    const model = [f32('weight', [0.5, -1.25, 3], [3, 1]), f32('bias', [0.125])];
    const files = safetensorsFiles({ plan: planOf(), model, origin: null, scaling: null });
    const path = join(mkdtempSync(join(tmpdir(), 'wardround-guide-')), 'model.safetensors');
    writeFileSync(path, files.get('model.safetensors') ?? '');
    const program = `${reader}
import sys
tensors, metadata = read_safetensors(sys.argv[1])
print(json.dumps([{name: [shape, list(numbers)] for name, (shape, numbers) in tensors.items()}, metadata]))
`;
    const { status, stdout, stderr } = spawnSync('python3', ['-', path], { input: program, encoding: 'utf8' });
    expect(stderr).toBe('');
    expect(status).toBe(0);
    const [tensors, metadata]: unknown[] = JSON.parse(stdout);
    expect(tensors).toEqual({
      weight: [
        [3, 1],
        [0.5, -1.25, 3],
      ],
      bias: [[1], [0.125]],
    });
    expect(metadata).toMatchObject({ inputs: '["a","b","c"]', inputsAre: 'asInTheContract', output: 'logOdds' });
  });
});
