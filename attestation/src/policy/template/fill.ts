// Values of a template: as a bundle shows them, or a placeholder that refuses everything, and a comment that says which.

export interface Filler {
  /** ` # as shown by …` or ` # FILL IN …`, for the end of a line. */
  readonly mark: (isShown: boolean, what: string) => string;
}

/** @param source how the bundle is called, or null where there is none */
export function filler(source: string | null): Filler {
  return {
    mark: (isShown, what) =>
      isShown && source !== null ? ` # as shown by ${source}, confirm with the operator` : ` # FILL IN: ${what}`,
  };
}

/** Nothing that is measured or named comes out as one of these: no hash is known to, and no device is called so. */
export const placeholder = {
  measurement: '0'.repeat(96),
  chipId: '0'.repeat(127).concat('1'),
  shortId: '0'.repeat(31).concat('1'),
  register: (digits: number): string => '0'.repeat(digits - 1).concat('1'),
  ueid: '1',
  driver: '9999.9999',
  vbios: '00.00.00.00.00',
  level: 255,
  evaluation: 1_000_000,
} as const;

export function indented(spaces: number, lines: readonly string[]): readonly string[] {
  return lines.map((line) => (line === '' ? line : `${' '.repeat(spaces)}${line}`));
}

/** `unused` for zeros, else the value. */
export function unusedOr(hex: string): string {
  return /^0*$/.test(hex) ? 'unused' : `"${hex}"`;
}
