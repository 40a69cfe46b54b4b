// The agent of a site that signed early waits here: it follows the federation's topic until every founder's signature is on it.
import type { FederationView } from '@wardround/protocol/federation-view';
import { UNVERIFIED_kindOf } from '@wardround/protocol/documents/signed';
import type { Board } from '@wardround/protocol/relay-port';
import type { SitePaths } from '../config/site-paths.ts';
import { completeFounding, readFounding } from './genesis-file.ts';

/** A board that repeats geneses must not fill our memory: signatures beyond this many are forgotten, the oldest first. */
const mostRecords = 4096;

/**
 * The federation that this site signed, once it is complete; what is kept on disk already needs no board.
 *
 * @returns null where `signal` aborted first
 * @throws WardroundError `federation-file`, `genesis-*`, and what the board throws
 */
export async function awaitFounding({
  paths,
  board,
  signal,
  onWaiting,
}: {
  readonly paths: SitePaths;
  readonly board: Board;
  readonly signal: AbortSignal;
  readonly onWaiting: () => void;
}): Promise<FederationView | null> {
  const founded = await readFounding(paths);
  if (founded !== null) return founded;
  onWaiting();
  const geneses: string[] = [];
  for await (const { jws } of board.follow('federation', { after: 0, signal })) {
    if (!isGenesis(jws) || geneses.includes(jws)) continue;
    geneses.push(jws);
    if (geneses.length > mostRecords) geneses.shift();
    // Read again each time: the person may sign while the agent already waits.
    const view = await completeFounding({ paths, records: geneses });
    if (view !== null) return view;
  }
  return null;
}

function isGenesis(jws: string): boolean {
  try {
    return UNVERIFIED_kindOf(jws).kind === 'Genesis';
  } catch {
    return false;
  }
}
