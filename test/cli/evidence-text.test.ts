// What a tired administrator reads: no word of genuine hardware where nobody vouched for a key, no check that was not made passed over, and no
// evidence that writes its own lines or steers the terminal.
import { describe, expect, it } from 'vitest';
import type { Step } from '@wardround/attestation/steps';
import { inspectionText } from '../../cli/src/evidence/text.ts';
import { createOutput } from '../../cli/src/output.ts';

const ok = (name: string): Step => ({ name, status: 'ok' });

function textOf(steps: readonly Step[], { authentic = true, says = [] as readonly string[] } = {}): string {
  return inspectionText({ inspection: { kind: 'tpm', authentic, simulated: false, steps }, says });
}

describe('the first line of an inspection', () => {
  it('says nothing of hardware for a bare key', () => {
    const bare: Step = { name: 'ak-chain', status: 'not-evaluated', reason: 'a bare key was given' };
    const text = textOf([ok('tpm-quote'), bare, ok('tpm-signature')]);
    expect(text).not.toMatch(/genuine|AUTHENTIC/);
    expect(text.split('\n')[0]).toMatch(/^SIGNED BY THIS KEY, AND NO MORE/);
    expect(text.split('\n')[1]).toMatch(/^1 of 3 checks were NOT made/);
  });

  it('says it where the chain was walked, and counts nothing where everything was checked', () => {
    const lines = textOf([ok('tpm-quote'), ok('ak-chain')]).split('\n');
    expect(lines[0]).toMatch(/^AUTHENTIC: genuine hardware/);
    expect(lines[1]).toBe('');
  });

  it('says what is not authentic, bare key or not', () => {
    const steps: Step[] = [
      { name: 'ak-chain', status: 'not-evaluated' },
      { name: 'tpm-signature', status: 'failed' },
    ];
    expect(textOf(steps, { authentic: false })).toMatch(/^NOT AUTHENTIC/);
  });
});

describe('names that evidence chose', () => {
  const hostile = ['\u001b[2J', '\u009b2J', '\r', '\u0007', '\u202e', '\u2066', '\u2028', '\u200b', '\ufeff'];

  it.each(hostile)('steer nothing: %j', (part) => {
    const steps: Step[] = [{ name: 'chain', status: 'failed', reason: `CN ${part} is not issued`, code: 'x-y' }];
    const text = textOf(steps, { authentic: false, says: [`  machine ${part}`] });
    expect(text).not.toContain(part);
    expect(text.match(/\uFFFD/g)?.length).toBeGreaterThanOrEqual(2);
  });

  it('write no line of their own', () => {
    const forged = 'nobody\n  ✔ chain';
    const text = textOf([{ name: 'chain', status: 'failed', reason: forged }], { says: [`  machine ${forged}`] });
    expect(text.split('\n').some((line) => line.startsWith('  ✔'))).toBe(false);
  });

  it('steer nothing as JSON, and are the same when read', () => {
    const written: string[] = [];
    const stdout = { write: (text: string): unknown => written.push(text) };
    const document = { names: hostile };
    createOutput(true, { stdout, stderr: stdout }).result(document, () => '');
    expect(written.join('')).not.toMatch(/[\u001b\u007f-\u009f\u2028-\u202e\u2066-\u2069]/);
    expect(JSON.parse(written.join(''))).toEqual(document);
  });
});
