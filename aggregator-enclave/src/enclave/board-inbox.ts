// One topic of the board, followed in the background: records wait here until the one loop that acts on them takes them.
import type { Board, Topic } from '@wardround/protocol/relay-port';
import type { Clock } from './ports.ts';

export class BoardInbox {
  readonly #clock: Clock;
  #waiting: string[] = [];
  #lastSequence = 0;
  #rewound = false;
  #lastArrival: Date;
  #wake = new AbortController();

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#lastArrival = clock.now();
  }

  /** When the last record came. */
  get lastArrival(): Date {
    return this.#lastArrival;
  }

  /** Follows until `signal` aborts. */
  async follow(board: Board, topic: Topic, signal: AbortSignal): Promise<void> {
    for await (const { sequence, jws } of board.follow(topic, { after: 0, signal })) {
      if (sequence <= this.#lastSequence) this.#rewound = true;
      this.#lastSequence = sequence;
      this.#waiting.push(jws);
      this.#lastArrival = this.#clock.now();
      this.wake();
    }
  }

  /** What came since the last call. */
  take(): readonly string[] {
    const taken = this.#waiting;
    this.#waiting = [];
    return taken;
  }

  /** True once after the board went back: it may have lost what we published. */
  takeRewound(): boolean {
    const rewound = this.#rewound;
    this.#rewound = false;
    return rewound;
  }

  /** Ends the present or the next {@link wait}. */
  wake(): void {
    this.#wake.abort();
  }

  /** Resolves when there is something to take, at `until`, or when `signal` aborts. */
  async wait(until: Date | null, signal: AbortSignal): Promise<void> {
    await this.#clock.sleep(until, AbortSignal.any([this.#wake.signal, signal]));
    this.#wake = new AbortController();
  }
}
