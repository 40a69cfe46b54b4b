// From words to an exit code: what is asked for, what is refused, and where each of them is told.
import { describe, expect, it } from 'vitest';
import { type Program, runCommandLine } from '@wardround/command-line/run';
import { requireText } from '@wardround/command-line/options';
import { WardroundError } from '@wardround/protocol/errors';

interface Io {
  readonly print: (line: string) => void;
  readonly error: (text: string) => void;
}

const program: Program<Io> = {
  words: 'wardround oven',
  purpose: 'Bakes.',
  commands: {
    bake: {
      summary: 'bake a cake',
      about: ['One cake, of one size.'],
      options: { size: { type: 'string', value: 'SIZE', help: 'how large', required: true } },
      example: 'wardround oven bake --size small',
      run: async (options, io) => {
        io.print(`baked ${requireText(options, 'size')}`);
        return await Promise.resolve(0);
      },
    },
    burn: {
      summary: 'fail',
      about: [],
      options: {},
      example: 'wardround oven burn',
      run: async () => await Promise.reject(new WardroundError('oven-hot', 'too hot')),
    },
  },
};

async function run(...words: readonly string[]): Promise<{ code: number; out: string; err: string }> {
  const told = { out: '', err: '' };
  const io = {
    print: (line: string) => void (told.out += `${line}\n`),
    error: (text: string) => void (told.err += text),
  };
  return { code: await runCommandLine(program, words, io), ...told };
}

describe('a command line', () => {
  it('runs the command that was typed, with its options', async () => {
    expect(await run('bake', '--size', 'small')).toEqual({ code: 0, out: 'baked small\n', err: '' });
  });

  it.each([['help'], ['--help']])('lists the commands for %s, on stdout', async (word) => {
    const { code, out, err } = await run(word);
    expect([code, err]).toEqual([0, '']);
    for (const part of ['Bakes.', 'wardround oven bake  bake a cake', 'wardround oven burn  fail'])
      expect(out).toContain(part);
  });

  it.each([[[]], [['fry']], [['toString']], [['__proto__']], [['BAKE']]])(
    'does not understand %j: the list, on stderr',
    async (words) => {
      const { code, out, err } = await run(...words);
      expect([code, out]).toEqual([2, '']);
      expect(err).toContain('wardround oven bake');
    },
  );

  it('explains a command without running it', async () => {
    const { code, out } = await run('bake', '--help');
    expect(code).toBe(0);
    for (const part of ['wardround oven bake --size SIZE [options]', 'how large', '--json', 'One cake'])
      expect(out).toContain(part);
    expect(out).not.toContain('baked');
  });

  it.each([
    ['an option of no command', ['bake', '--size', 's', '--fast'], 'usage-invalid', 2],
    ['a word too many', ['bake', '--size', 's', 'more'], 'usage-invalid', 2],
    ['a needed option that is missing', ['bake'], 'usage-invalid', 2],
    ['an empty value', ['bake', '--size', ''], 'usage-invalid', 2],
    ['what fails', ['burn'], 'oven-hot', 1],
  ])('refuses %s, for people and for programs', async (_what, words, code, status) => {
    const [plain, json] = [await run(...words), await run(...words, '--json')];
    expect([plain.code, json.code]).toEqual([status, status]);
    expect(plain.out).toBe('');
    expect(plain.err).toContain(`${code}: `);
    expect(JSON.parse(json.out)).toMatchObject({ error: { code } });
  });
});
