// Serves the enclave every chunk with a flipped bit the first time it asks: an honest hospital's contribution looks forged.
import { copyBytes } from '@wardround/protocol/bytes';
import type { Attack } from './attack.ts';
import { kindOf } from './views.ts';

export function flippedChunks(): Attack {
  const served = new Set<string>();
  return {
    serve: (digest, bytes, party) => {
      if (party.role !== 'aggregator' || served.has(digest)) return bytes;
      served.add(digest);
      const flipped = copyBytes(bytes);
      flipped[0] = (flipped[0] ?? 0) ^ 1;
      return flipped;
    },
    onRecord: ({ jws }, tools) => {
      if (kindOf(jws) === 'ContributionRefusal') tools.success('an honest contribution was refused');
    },
  };
}
