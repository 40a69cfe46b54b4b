// What the learning suite computes on: WASM, unless WARDROUND_TEST_BACKEND names another (docs/backends.md). An unknown name fails the suite.
import { type BackendName, backendNames, defaultBackend } from '@wardround/learning/tfjs/backend-name';

function named(text: string): BackendName {
  const name = backendNames.find((candidate) => candidate === text);
  if (name === undefined) throw new Error(`WARDROUND_TEST_BACKEND is one of ${backendNames.join(', ')}, not ${text}`);
  return name;
}

export const testBackend = named(process.env['WARDROUND_TEST_BACKEND'] ?? defaultBackend);

/** Plain JS needs five minutes where WASM needs five seconds: tests of many pictures are left out on it, loudly. */
export const isTooSlowForPictures = testBackend === 'cpu';
if (isTooSlowForPictures) console.warn('SKIPPED: trainings on many pictures, which plain JS is too slow for');

/** The two that are always there and the one that was asked for: for what must be alike on each. */
export const comparedBackends: readonly BackendName[] = [...new Set<BackendName>(['cpu', 'wasm', testBackend])];
