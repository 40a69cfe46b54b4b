// TCB versions: eight bytes whose order depends on the product, so they are compared component by component, never as one integer.
import type { SnpProduct } from './product.ts';

/** Security patch levels. `fmc` exists on Turin only. */
export interface Tcb {
  readonly fmc?: number;
  readonly bootLoader: number;
  readonly tee: number;
  readonly snp: number;
  readonly microcode: number;
}

export type TcbComponent = keyof Tcb;
export const tcbComponents: readonly TcbComponent[] = ['fmc', 'bootLoader', 'tee', 'snp', 'microcode'];

/**
 * Byte positions (AMD 56860, TCB_VERSION; Turin's in MS-TAV `report.rs`, confirmed by a genuine Turin report whose bytes
 * `01 01 01 04 00 00 00 51` agree with its certificate). The bytes left out are reserved.
 */
const olderOrder = { bootLoader: 0, tee: 1, snp: 6, microcode: 7 } as const;
const turinOrder = { fmc: 0, bootLoader: 1, tee: 2, snp: 3, microcode: 7 } as const;

export function tcbOrder(product: SnpProduct): Partial<Record<TcbComponent, number>> {
  return product === 'Turin' ? turinOrder : olderOrder;
}

/** Decodes the eight bytes of a TCB_VERSION. */
export function decodeTcb(bytes: Uint8Array, product: SnpProduct): Tcb {
  const at = (position: number): number => bytes[position] ?? 0;
  if (product === 'Turin') {
    const { fmc, bootLoader, tee, snp, microcode } = turinOrder;
    return { fmc: at(fmc), bootLoader: at(bootLoader), tee: at(tee), snp: at(snp), microcode: at(microcode) };
  }
  const { bootLoader, tee, snp, microcode } = olderOrder;
  return { bootLoader: at(bootLoader), tee: at(tee), snp: at(snp), microcode: at(microcode) };
}

/** The reserved bytes of a TCB_VERSION that are not zero, by position. */
export function reservedTcbBytes(bytes: Uint8Array, product: SnpProduct): readonly number[] {
  const used = new Set(Object.values(tcbOrder(product)));
  return [...bytes.keys()].filter((position) => !used.has(position) && bytes[position] !== 0);
}

/** The components of `tcb` that lie below `floor`, for people: `snp 22 < 23`. A component that only one side has is below. */
export function componentsBelow(tcb: Tcb, floor: Tcb): readonly string[] {
  return tcbComponents.flatMap((component) => {
    const [have, want] = [tcb[component], floor[component]];
    if (have === undefined && want === undefined) return [];
    if (have !== undefined && want !== undefined && have >= want) return [];
    return [`${component} ${have ?? 'absent'} < ${want ?? 'absent'}`];
  });
}

/** The components in which the two differ. */
export function differingComponents(left: Tcb, right: Tcb): readonly string[] {
  return tcbComponents.flatMap((component) =>
    left[component] === right[component]
      ? []
      : [`${component} ${left[component] ?? 'absent'} ≠ ${right[component] ?? 'absent'}`],
  );
}
