// What the client reports while it copes: a subset of pino's logger. Never a token, never a record's content.

export interface RelayLog {
  readonly debug: (fields: object, message: string) => void;
  readonly warn: (fields: object, message: string) => void;
}

export const silent: RelayLog = { debug: () => undefined, warn: () => undefined };
