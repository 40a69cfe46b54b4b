// configfs-tsm as the kernel keeps it (drivers/virt/coco/tsm.c): attributes that react, a generation that counts writes, errors of errno.
import { basename, dirname } from 'node:path';
import type { Bytes } from '@wardround/protocol/bytes';
import { copyBytes, utf8 } from '@wardround/protocol/bytes';
import type { DeviceFiles } from '../../aggregator-enclave/src/platform/device-files.ts';

export interface FakeTsm {
  readonly root: string;
  readonly provider: string | null;
  /** Of what is asked. */
  readonly report: (inblob: Bytes, privilegeLevel: number) => Bytes;
  /** Null: the provider has no such attribute. */
  readonly auxiliary: Bytes | null;
  readonly privilegeFloor: number | null;
  /** The system's error for the nth call of an operation on a name, or null. */
  readonly fail?: (operation: keyof DeviceFiles, name: string, nth: number) => string | null;
  /** Runs before an attribute is read: where somebody else does something. */
  readonly meddle?: (entry: Entry, name: string) => void;
}

export interface Entry {
  generation: bigint;
  inblob: Bytes | null;
  privilegeLevel: number;
}

export function errno(code: string): Error {
  return Object.assign(new Error(`${code}: from the fake kernel`), { code });
}

export class FakeConfigfs implements DeviceFiles {
  readonly entries = new Map<string, Entry>();
  /** Every call, in order: `write inblob`. */
  readonly calls: string[] = [];
  readonly #tsm: FakeTsm;
  readonly #counts = new Map<string, number>();

  constructor(tsm: FakeTsm) {
    this.#tsm = tsm;
  }

  async makeDirectory(path: string): Promise<void> {
    await this.#enter('makeDirectory', path);
    if (dirname(path) !== this.#tsm.root) throw errno('ENOENT');
    if (this.#tsm.provider === null) throw errno('ENXIO');
    if (this.entries.has(path)) throw errno('EEXIST');
    this.entries.set(path, { generation: 0n, inblob: null, privilegeLevel: 0 });
  }

  async removeDirectory(path: string): Promise<void> {
    await this.#enter('removeDirectory', path);
    if (!this.entries.delete(path)) throw errno('ENOENT');
  }

  async write(path: string, bytes: Uint8Array): Promise<void> {
    await this.#enter('write', path);
    const entry = this.#entryOf(path);
    const { privilegeFloor } = this.#tsm;
    if (basename(path) === 'inblob') entry.inblob = copyBytes(bytes);
    else if (basename(path) === 'privlevel' && privilegeFloor !== null) {
      const level = Number(new TextDecoder().decode(bytes));
      if (level < privilegeFloor || level > 3) throw errno('EINVAL');
      entry.privilegeLevel = level;
    } else throw errno('ENOENT');
    entry.generation += 1n;
  }

  async read(path: string, maxBytes: number): Promise<Bytes> {
    await this.#enter('read', path);
    const entry = this.#entryOf(path);
    this.#tsm.meddle?.(entry, basename(path));
    const bytes = this.#attribute(entry, basename(path));
    if (bytes.byteLength > maxBytes) throw errno('EFBIG');
    return bytes;
  }

  #attribute(entry: Entry, name: string): Bytes {
    const { provider, auxiliary, report } = this.#tsm;
    switch (name) {
      case 'provider':
        return utf8(`${provider ?? ''}\n`);
      case 'generation':
        return utf8(`${entry.generation}\n`);
      case 'outblob':
        if (entry.inblob === null) throw errno('EINVAL');
        return report(entry.inblob, entry.privilegeLevel);
      case 'auxblob':
        if (auxiliary === null) throw errno('ENOENT');
        return auxiliary;
      default:
        throw errno('ENOENT');
    }
  }

  #entryOf(path: string): Entry {
    const entry = this.entries.get(dirname(path));
    if (entry === undefined) throw errno('ENOENT');
    return entry;
  }

  async #enter(operation: keyof DeviceFiles, path: string): Promise<void> {
    const name = operation === 'makeDirectory' || operation === 'removeDirectory' ? 'directory' : basename(path);
    this.calls.push(`${operation} ${name}`);
    const key = `${operation} ${name}`;
    const nth = (this.#counts.get(key) ?? 0) + 1;
    this.#counts.set(key, nth);
    const code = await Promise.resolve(this.#tsm.fail?.(operation, name, nth) ?? null);
    if (code !== null) throw errno(code);
  }
}
