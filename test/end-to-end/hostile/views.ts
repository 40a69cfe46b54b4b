// What the hostile coordinator shows each party: a board of its own for every party and topic, fed from the real one through the attack.
import { UNVERIFIED_peekDocument } from '@wardround/protocol/jws';
import type { Attack, AttackTools, Party, SeenRecord } from './attack.ts';

interface View {
  readonly party: Party;
  readonly topic: string;
  readonly records: string[];
  waiting: (() => void)[];
}

export class Views {
  readonly seen: SeenRecord[] = [];
  readonly #views = new Map<string, View>();
  readonly #injected: { record: SeenRecord; to: (party: Party) => boolean }[] = [];
  readonly #attack: Attack;
  readonly #tools: AttackTools;
  readonly #known = new Set<string>();

  constructor(attack: Attack, tools: Omit<AttackTools, 'inject' | 'seen'>) {
    this.#attack = attack;
    this.#tools = { ...tools, seen: this.seen, inject: (record, to = () => true) => this.#inject(record, to) };
  }

  /** A record that is newly on the real board. */
  async arrived(record: SeenRecord): Promise<void> {
    if (this.#known.has(record.jws)) return;
    this.#known.add(record.jws);
    this.seen.push(record);
    await this.#attack.onRecord?.(record, this.#tools);
    for (const view of this.#views.values()) if (view.topic === record.topic) this.#show(view, record);
  }

  /** The page after a place; waits for one record at most `milliseconds`. */
  async page(
    party: Party,
    topic: string,
    { after, milliseconds }: { after: number; milliseconds: number },
  ): Promise<{ sequence: number; jws: string }[]> {
    const view = this.#view(party, topic);
    if (view.records.length <= after && milliseconds > 0) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, milliseconds);
        view.waiting.push(() => {
          clearTimeout(timer);
          resolve();
        });
      });
    }
    return view.records.slice(after, after + 64).map((jws, i) => ({ sequence: after + i + 1, jws }));
  }

  #view(party: Party, topic: string): View {
    const key = `${party.role} ${party.name} ${topic}`;
    const existing = this.#views.get(key);
    if (existing !== undefined) return existing;
    const view: View = { party, topic, records: [], waiting: [] };
    this.#views.set(key, view);
    for (const record of this.seen) if (record.topic === topic) this.#show(view, record);
    for (const { record, to } of this.#injected)
      if (record.topic === topic && to(party)) this.#append(view, record.jws);
    return view;
  }

  #show(view: View, record: SeenRecord): void {
    const shown = this.#attack.show?.(record, view.party, this.#tools) ?? [record];
    for (const { jws } of shown) this.#append(view, jws);
  }

  #inject(record: SeenRecord, to: (party: Party) => boolean): void {
    this.#injected.push({ record, to });
    for (const view of this.#views.values())
      if (view.topic === record.topic && to(view.party)) this.#append(view, record.jws);
  }

  #append(view: View, jws: string): void {
    view.records.push(jws);
    const { waiting } = view;
    view.waiting = [];
    for (const wake of waiting) wake();
  }
}

/** The kind that a record claims; `junk` where it claims none. */
export function kindOf(jws: string): string {
  try {
    return UNVERIFIED_peekDocument(jws).kind;
  } catch {
    return 'junk';
  }
}
