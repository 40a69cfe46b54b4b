// A site's rows as learning takes them: encoded by the cohort contract, every number as the data have it. Whatever the plan standardises by,
// `workLocally` does it (statistics/standardise.ts), so that statistics see the numbers themselves.

/** Row-major, rows × the cohort's input columns. Bytes are pictures': a model sees 0 to 255 as 0 to 1. */
export type Features = Float32Array | Float64Array | Uint8Array;

export interface Rows {
  readonly rows: number;
  readonly features: Features;
  /** The label of each row: 0 or 1, a number, or the time of a survival label. */
  readonly labels: Float32Array | Float64Array;
  /** For a survival label only: 1 where the time ends with the event, 0 where it is censored. */
  readonly events?: Float64Array;
}

export interface SiteRows {
  readonly train: Rows;
  readonly test: Rows;
  /** Cells that were empty in the source, by input column, and rows that were dropped for them: for federated statistics. */
  readonly missing: { readonly cells: Float64Array; readonly droppedRows: number };
}
