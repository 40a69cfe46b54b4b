// The one arithmetic of trust: how many sites make a quorum.

/**
 * q(m) = ⌊(m + f) / 2⌋ + 1: two quorums of m sites share at least f + 1 of them, so at least one honest one.
 *
 * @param members m, the size of the group @param colluding f, the colluding sites that the federation tolerates
 */
export function quorum(members: number, colluding: number): number {
  return Math.floor((members + colluding) / 2) + 1;
}

/** The least K that a federation allows: with f colluding contributors at least two honest ones remain in every sum. */
export function leastContributors(colluding: number): number {
  return Math.max(2, colluding + 2);
}
