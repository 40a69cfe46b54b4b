// Brings to the board what this site owes it, in the order in which it was made durable. What fails is tried again; what was lost is owed anew.
import { hasCode, WardroundError } from '@wardround/protocol/errors';
import type { VaultPorts } from './ports.ts';
import type { StoredRecord } from './state.ts';

export class Publisher {
  readonly #ports: Pick<VaultPorts, 'state' | 'outlet' | 'log'>;
  /** Refused for good by this coordinator; asked again after a restart, or when it lost its store. */
  readonly #refused = new Set<string>();
  /** Why each record is not on the board yet, as the log has it. */
  readonly #failing = new Map<string, string>();

  constructor(ports: Pick<VaultPorts, 'state' | 'outlet' | 'log'>) {
    this.#ports = ports;
  }

  rewound(topic: string): void {
    this.#refused.clear();
    this.#failing.clear();
    this.#ports.state.forgetPublished(topic);
  }

  /** @returns whether everything that can be published is */
  async publishOwed(): Promise<boolean> {
    let done = true;
    for (const record of this.#ports.state.unpublished()) {
      if (this.#refused.has(record.jws)) continue;
      done = (await this.#publish(record)) && done;
    }
    return done;
  }

  async #publish(record: StoredRecord): Promise<boolean> {
    const { topic, jws, kind, digest } = record;
    try {
      await this.#ports.outlet.publish({ topic, jws });
    } catch (error) {
      if (!(error instanceof WardroundError) || hasCode(error, 'channel-closed')) throw error;
      if (error.action !== 'retry') this.#refused.add(jws);
      if (this.#failing.get(jws) !== error.code)
        this.#ports.log({ level: 'warn', event: 'publish-failed', code: error.code, detail: `${kind} ${digest}` });
      this.#failing.set(jws, error.code);
      return error.action !== 'retry';
    }
    this.#failing.delete(jws);
    this.#ports.state.markPublished(record);
    return true;
  }
}
