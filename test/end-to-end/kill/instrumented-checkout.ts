// A copy of the checkout, by hard links, whose four programs first import instrument.ts. No switch of a test is in the programs themselves.
import { copyFileSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from '../../architecture/imports.ts';
import { copyOfCheckout, replaceOnce } from '../mutant.ts';

export type Role = 'coordinator' | 'aggregator-enclave' | 'vault' | 'courier';

const programs: Readonly<Record<Role, string>> = {
  coordinator: 'coordinator/src/main.ts',
  'aggregator-enclave': 'aggregator-enclave/src/main.ts',
  vault: 'site-agent/src/vault/main.ts',
  courier: 'site-agent/src/courier/main.ts',
};
const shebang = /^#!.*\n/;

/** Where a process is to die. */
export interface Arm {
  readonly role: Role;
  /** Of a vault. */
  readonly site?: string;
  /** Of a courier, which knows no site's name. */
  readonly pid?: number;
  /** `this`: the process that runs now; `next`: the one that is started next, counted from its start; `count`: nobody dies, all is told. */
  readonly life: 'this' | 'next' | 'count';
  /** The boundary from which is counted (its name without the frame), so that index 0 is the same place of every round. */
  readonly anchor?: string;
  readonly index?: number;
}

export class InstrumentedCheckout {
  readonly root: string;
  #id = 0;

  constructor() {
    this.root = copyOfCheckout();
    this.disarm();
    copyFileSync(join(import.meta.dirname, 'instrument.ts'), join(this.root, 'protocol/src/kill-instrument.ts'));
    for (const file of Object.values(programs)) this.#instrument(file);
    // A supervisor waits longer after each death in a row, up to a minute. A campaign has no such time.
    replaceOnce(this.root, {
      file: 'site-agent/src/supervisor/backoff.ts',
      find: 'const longest = 60_000;',
      replace: 'const longest = 500;',
    });
  }

  /** Resolves processes that run by now (or the next that starts) to die; returns the number by which they say so. */
  arm({ role, site, pid, life, anchor, index }: Arm): number {
    this.#id += 1;
    this.#write({
      id: this.#id,
      role,
      site: site ?? null,
      pid: pid ?? null,
      life,
      anchor: anchor ?? null,
      index: index ?? 0,
      armedAt: Date.now(),
    });
    return this.#id;
  }

  disarm(): void {
    this.#write(null);
  }

  remove(): void {
    rmSync(this.root, { recursive: true, force: true });
  }

  /** At once: a process must never read half of it. */
  #write(arm: object | null): void {
    const file = join(this.root, 'protocol/kill-arm.json');
    writeFileSync(`${file}.part`, JSON.stringify(arm));
    renameSync(`${file}.part`, file);
  }

  #instrument(file: string): void {
    const text = readFileSync(join(root, file), 'utf8');
    const first = shebang.exec(text)?.[0] ?? '';
    rmSync(join(this.root, file));
    writeFileSync(
      join(this.root, file),
      `${first}import '@wardround/protocol/kill-instrument';\n${text.slice(first.length)}`,
    );
  }
}
