// The tables as the queries see them. The same on SQLite and PostgreSQL: text and 32-bit integers only.

/** One signed record of the board. */
export interface RecordsTable {
  topic: string;
  /** 1, 2, 3 ... in each topic, without gaps. */
  sequence: number;
  kind: string;
  /** Over the JWS: the same record again is the same row. */
  digest: string;
  /** The document's own digest: many records of one document differ only in their signature. */
  document: string;
  /** Thumbprint that the record claims; verified by its readers. */
  signer: string;
  jws: string;
  /** Characters of `jws`, so that pages are cut without reading it. */
  length: number;
  /** Over all records of the topic up to this one. */
  chain: string;
  received_at: string;
}

/** The head of each topic; its row is also the lock under which numbers are given. */
export interface TopicsTable {
  topic: string;
  last_sequence: number;
  chain: string;
}

export interface Tables {
  records: RecordsTable;
  topics: TopicsTable;
}
