// What is tried again, how long is waited, and what is not tried again; with time and chance given by the test.
import { describe, expect, it } from 'vitest';
import { WardroundError } from '@wardround/protocol/errors';
import { Keeper } from '@wardround/relay/keeper';
import type { Session } from '@wardround/relay/session';
import { backoffMilliseconds } from '@wardround/relay/timing';

const transient = new WardroundError('relay-unreachable', 'broken', { action: 'retry' });
const permanent = new WardroundError('auth-unknown', 'nobody');

/** A session of which only `isOpen`, `ended` and `close` are used here. */
function fakeSession(): { session: Session; breakNow: () => void } {
  const state = { isOpen: true };
  const ended = Promise.withResolvers<void>();
  const breakNow = (): void => {
    state.isOpen = false;
    ended.resolve();
  };
  const session = {
    get isOpen() {
      return state.isOpen;
    },
    ended: async () => await ended.promise,
    close: breakNow,
  } as unknown as Session;
  return { session, breakNow };
}

function keeper(open: (() => Session)[]): {
  keeper: Keeper;
  waits: number[];
  stop: AbortController;
  opened: () => number;
  online: boolean[];
  said: string[];
} {
  const waits: number[] = [];
  const online: boolean[] = [];
  const said: string[] = [];
  const stop = new AbortController();
  let opened = 0;
  const timing = {
    random: () => 1,
    sleep: async (milliseconds: number) => {
      waits.push(milliseconds);
      await Promise.resolve();
    },
  };
  return {
    waits,
    stop,
    opened: () => opened,
    online,
    said,
    keeper: new Keeper({
      timing,
      log: { debug: () => undefined, warn: (_fields, message) => void said.push(message) },
      onOnline: (is) => void online.push(is),
      signal: stop.signal,
      open: async () => {
        await Promise.resolve();
        const next = open[opened];
        opened += 1;
        if (next === undefined) throw permanent;
        return next();
      },
    }),
  };
}

const fails = (error: WardroundError) => (): never => {
  throw error;
};

describe('the wait before another try', () => {
  it('doubles up to its cap, spread over its upper half', () => {
    const waits = (random: number): number[] =>
      [0, 1, 2, 3, 7, 8, 1000].map((n) => backoffMilliseconds(n, () => random));
    expect(waits(1)).toEqual([100, 200, 400, 800, 12_800, 15_000, 15_000]);
    expect(waits(0)).toEqual([50, 100, 200, 400, 6_400, 7_500, 7_500]);
  });
});

describe('the keeper of a connection', () => {
  it('waits for a coordinator that is not there yet', async () => {
    const { session } = fakeSession();
    const { keeper: kept, waits } = keeper([fails(transient), fails(transient), () => session]);
    expect(await kept.perform({ operation: async (given) => await Promise.resolve(given === session) })).toBe(true);
    expect(waits).toEqual([100, 200]);
  });

  it('gives up at once where the coordinator lets it not in the first time', async () => {
    const { keeper: kept, waits } = keeper([fails(permanent)]);
    await expect(kept.perform({ operation: async () => await Promise.resolve() })).rejects.toBe(permanent);
    expect(waits).toEqual([]);
  });

  it('stays at the door where it was let in before', async () => {
    const [first, second] = [fakeSession(), fakeSession()];
    const { keeper: kept, waits } = keeper([
      () => first.session,
      fails(permanent),
      fails(permanent),
      () => second.session,
    ]);
    await kept.perform({ operation: async () => await Promise.resolve() });
    first.breakNow();
    const used = await kept.perform({ operation: async (session) => await Promise.resolve(session) });
    expect(used).toBe(second.session);
    expect(waits).toEqual([100, 200]);
  });

  it('tells when the connection is there, breaks and is there again, and once that it tries', async () => {
    const [first, second] = [fakeSession(), fakeSession()];
    const tries = [fails(transient), fails(transient), fails(transient)];
    const { keeper: kept, online, said, stop } = keeper([() => first.session, ...tries, () => second.session]);
    const operation = async (): Promise<void> => await Promise.resolve();
    await kept.perform({ operation });
    await kept.perform({ operation });
    expect(online).toEqual([true]);
    first.breakNow();
    await kept.perform({ operation });
    expect(online).toEqual([true, false, true]);
    expect(said).toHaveLength(1);
    stop.abort();
    await second.session.ended();
    expect(online).toEqual([true, false, true]);
  });

  it('opens one session for all who wait', async () => {
    const { session } = fakeSession();
    const { keeper: kept, opened } = keeper([() => session]);
    const operation = async (given: Session): Promise<Session> => await Promise.resolve(given);
    const used = await Promise.all([1, 2, 3].map(async () => await kept.perform({ operation })));
    expect(used).toEqual([session, session, session]);
    expect(opened()).toBe(1);
  });

  it('repeats what failed for the moment, and nothing else', async () => {
    const { session } = fakeSession();
    const { keeper: kept, waits } = keeper([() => session]);
    const outcomes = [transient, transient, null];
    const operation = async (): Promise<string> => {
      const failure = outcomes.shift();
      if (failure instanceof WardroundError) throw failure;
      return await Promise.resolve('done');
    };
    expect(await kept.perform({ operation })).toBe('done');
    expect(waits).toEqual([100, 200]);
    for (const error of [permanent, new TypeError('a mistake')]) {
      await expect(kept.perform({ operation: async () => await Promise.reject(error) })).rejects.toBe(error);
    }
    expect(waits).toEqual([100, 200]);
  });

  it('ends with what it met last when it is given up', async () => {
    const { session } = fakeSession();
    const { keeper: kept, stop } = keeper([() => session]);
    const operation = async (): Promise<never> => {
      stop.abort();
      return await Promise.reject(transient);
    };
    await expect(kept.perform({ operation })).rejects.toMatchObject({ code: 'relay-aborted', cause: transient });
    expect(session.isOpen).toBe(false);
    await expect(kept.perform({ operation })).rejects.toMatchObject({ code: 'relay-aborted' });
  });
});
