// Records of one followed topic, between the pipe and whoever reads them; never more than the window.
import { WardroundError } from '@wardround/protocol/errors';
import { followWindow } from './frames.ts';

interface Queued {
  readonly sequence: number;
  readonly jws: string;
}

export class RecordQueue {
  readonly #items: Queued[] = [];
  readonly #signal: AbortSignal;
  #wake: (() => void) | null = null;
  #closed = false;

  constructor(signal: AbortSignal) {
    this.#signal = signal;
    signal.addEventListener('abort', () => this.close(), { once: true });
    if (signal.aborted) this.#closed = true;
  }

  /** @throws WardroundError `channel-overflow` when the other side sends more than it was allowed to */
  push(sequence: number, body: Uint8Array): void {
    if (this.#items.length >= followWindow) {
      throw new WardroundError('channel-overflow', 'more records than were asked for', { action: 'stop' });
    }
    // Bytes that are no text become a text that is no record: it is refused where records are read.
    this.#items.push({ sequence, jws: new TextDecoder().decode(body) });
    this.#wake?.();
  }

  /** The next record; null when the queue was closed. */
  async take(): Promise<Queued | null> {
    while (this.#items.length === 0 && !this.#closed) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      this.#wake = null;
    }
    if (this.#signal.aborted) return null;
    return this.#items.shift() ?? null;
  }

  close(): void {
    this.#closed = true;
    this.#wake?.();
  }
}
