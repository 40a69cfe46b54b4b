// What the demo tells while it runs: a line for each thing that a party does, with the seconds since the start.

export interface Story {
  /** Who does what, in words. */
  readonly tell: (who: string, what: string) => void;
  readonly heading: (text: string) => void;
  readonly seconds: () => number;
  /** No more silence to be noticed. */
  readonly end: () => void;
}

/** Two minutes without a line: something waits for what will not come. */
const longestSilenceMilliseconds = 120_000;

/**
 * @param write one line at a time, to stderr, so that stdout stays the result's
 * @param onSilence when nothing was told for too long
 */
export function createStory(write: (line: string) => void, onSilence: () => void): Story {
  const started = performance.now();
  const seconds = (): number => (performance.now() - started) / 1000;
  const silence = setTimeout(onSilence, longestSilenceMilliseconds);
  return {
    seconds,
    tell: (who, what) => {
      silence.refresh();
      write(`${seconds().toFixed(1).padStart(6)} s  ${who.padEnd(14)} ${what}`);
    },
    heading: (text) => write(`\n         ${text.toUpperCase()}`),
    end: () => clearTimeout(silence),
  };
}

export const simulatedBanner = [
  '',
  '  ##########################################################################',
  '  ##   SIMULATED PLATFORM: the enclave of this demo is an ordinary        ##',
  '  ##   process whose "hardware" is a key in a file. The same checks run   ##',
  '  ##   on it as on genuine machines, but here they PROVE NOTHING.         ##',
  '  ##########################################################################',
  '',
];
