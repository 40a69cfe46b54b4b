// When something refused is looked at again, and what of it is news.
import { describe, expect, it } from 'vitest';
import { Retries } from '../../site-agent/src/vault/retries.ts';

const at = (seconds: number): Date => new Date(1_800_000_000_000 + 1000 * seconds);

function refusedAt(...seconds: readonly number[]): Retries {
  const retries = new Retries();
  for (const second of seconds) {
    retries.look({ basis: 'same', now: at(second) });
    retries.failed('session', 'code');
  }
  return retries;
}

describe('what was refused', () => {
  it('is due after 1, 2, 4, … seconds, a minute at most', () => {
    let now = 0;
    const waits: number[] = [];
    const retries = new Retries();
    retries.look({ basis: 'same', now: at(now) });
    for (let failure = 0; failure < 9; failure += 1) {
      retries.failed('session', 'code');
      const failed = now;
      while (!retries.isDue('session')) {
        now += 0.5;
        retries.look({ basis: 'same', now: at(now) });
      }
      waits.push(now - failed);
    }
    expect(waits).toEqual([1, 2, 4, 8, 16, 32, 60, 60, 60]);
  });

  it('is due at once when what it was judged by changed, and then waits from the beginning', () => {
    const retries = refusedAt(0, 1, 3, 7);
    expect(retries.isDue('session')).toBe(false);
    retries.look({ basis: 'other', now: at(7) });
    expect(retries.isDue('session')).toBe(true);
    retries.failed('session', 'code');
    expect(retries.isDue('session')).toBe(false);
    retries.look({ basis: 'other', now: at(8) });
    expect(retries.isDue('session')).toBe(true);
  });

  it('holds up nothing else, and nothing that passed', () => {
    const retries = refusedAt(0);
    expect(retries.isDue('another')).toBe(true);
    retries.passed('session');
    expect(retries.isDue('session')).toBe(true);
  });

  it('is news once, and again for another reason or after it passed', () => {
    const retries = new Retries();
    retries.look({ basis: '', now: at(0) });
    const news = ['a', 'a', 'b', 'b', 'a'].map((code) => retries.failed('session', code));
    expect(news).toEqual([true, false, true, false, true]);
    retries.passed('session');
    expect(retries.failed('session', 'a')).toBe(true);
  });

  it('does not fill memory: the oldest of 1,025 is forgotten, one that failed again is not the oldest', () => {
    const retries = new Retries();
    retries.look({ basis: '', now: at(0) });
    for (let i = 0; i < 1024; i += 1) retries.failed(`session ${i}`, 'code');
    retries.failed('session 0', 'code');
    retries.failed('one more', 'code');
    expect(['session 0', 'session 1', 'session 2', 'one more'].map((subject) => retries.isDue(subject))).toEqual([
      false,
      true,
      false,
      false,
    ]);
  });
});
