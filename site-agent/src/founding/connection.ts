// What founding needs of the coordinator: an untrusted board that can be read to its present end, and proofs of who connects.
import type { SigningKey } from '@wardround/protocol/keys';
import type { Board, BoardRecord, Topic } from '@wardround/protocol/relay-port';
import { type Prove, proveWith } from '@wardround/relay/prove';

/** A connection to the coordinator, as the commands use it. */
export interface Connection {
  readonly board: Board;
  /** The topic as it is now, then the end. */
  snapshot(topic: Topic): AsyncIterable<BoardRecord>;
  close(): Promise<void>;
}

/** Proof of a founder, who is not a member of anything yet: the approval key, and the invitation's hash. */
export function proveInvited(name: string, approval: SigningKey, invitation: string): Prove {
  return proveWith({ role: 'joining', name, key: approval, token: invitation });
}

/** Proof of a member: its agent key. */
export function proveMember(name: string, agent: SigningKey): Prove {
  return proveWith({ role: 'site', name, key: agent });
}

/** Every record of the federation's topic, unverified: whoever reads them verifies each. */
export async function federationRecords(connection: Connection): Promise<readonly string[]> {
  const records: string[] = [];
  for await (const record of connection.snapshot('federation')) records.push(record.jws);
  return records;
}
