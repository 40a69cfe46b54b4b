// Node's own permission model for each process: what the program may read and write; no child processes, workers or WASI at all, and
// add-ons only where a site's settings name a compute backend that is one: machine code, which this model does not bind.
// Facts of Node 24.21, tried: symbolic links are followed wherever they lead, node:sqlite is not checked at all, and path sockets are
// not either. So it is the second fence; the first is the operating system's (confinement.ts).

export interface FileAccess {
  readonly readable: readonly string[];
  readonly writable: readonly string[];
  /** Whether it may load native add-ons. Left out: no. */
  readonly addons?: boolean;
}

/** @throws nothing: paths with `*` or `,` are refused earlier, by confinement.ts */
export function nodeFlags({ readable, writable, addons = false }: FileAccess): readonly string[] {
  return [
    '--permission',
    '--disable-warning=ExperimentalWarning',
    '--disable-proto=throw',
    ...(addons ? ['--allow-addons'] : []),
    ...[...readable, ...writable].map((path) => `--allow-fs-read=${path}`),
    ...writable.map((path) => `--allow-fs-write=${path}`),
  ];
}
