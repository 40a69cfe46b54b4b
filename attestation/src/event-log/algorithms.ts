// The TPM's names for hash algorithms (TCG Algorithm Registry), and the two banks that we rely on.

/** Banks that are replayed and quoted. SHA-1 may be in a log, and is read over: it proves nothing. */
export const banks = ['sha256', 'sha384'] as const;
export type Bank = (typeof banks)[number];

export const bankAlgorithms: Readonly<Record<Bank, { readonly id: number; readonly bytes: number }>> = {
  sha256: { id: 0x000b, bytes: 32 },
  sha384: { id: 0x000c, bytes: 48 },
};

/** Digest sizes of every registered hash; a log that claims another size for one of these lies. */
export const knownDigestBytes: ReadonlyMap<number, number> = new Map([
  [0x0004, 20],
  [0x000b, 32],
  [0x000c, 48],
  [0x000d, 64],
  [0x0012, 32],
  [0x0027, 32],
  [0x0028, 48],
  [0x0029, 64],
]);

export function bankOfAlgorithm(id: number): Bank | undefined {
  return banks.find((bank) => bankAlgorithms[bank].id === id);
}
