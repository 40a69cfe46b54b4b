// What DP-SGD needs of chance, as a port: the room of privacy has it, and the site that runs both connects them.

/**
 * Secret and fresh for every attempt. `GradientNoise` of the privacy room is one.
 */
export interface StepChance {
  /** The rows of one step, each by its own coin; possibly none. */
  sampledRows(rows: number): Uint32Array;
  /** Sums of clipped gradients, as steps of the grid, with the step's noise. */
  noised(sums: readonly Float64Array[]): readonly Float64Array[];
}
