// The lines that the vault and the courier write on stderr: parsed, bounded, and passed on. A line is a line even when a process crashes.
import type { Readable } from 'node:stream';
import { createInterface } from 'node:readline';
import * as z from 'zod';

export interface LogLine {
  /** pino's numbers: 30 info, 40 warn, 50 error. */
  readonly level: number;
  readonly message: string;
  readonly code: string | undefined;
  /** Whatever else the line carries, for the log file. */
  readonly fields: Readonly<Record<string, unknown>>;
}

const longest = 8192;

const lineSchema = z.looseObject({
  level: z.number(),
  msg: z.string(),
  code: z.string().max(64).optional(),
});

/** Calls `take` for each line until the stream ends. */
export function readLogLines(stream: Readable, take: (line: LogLine) => void): void {
  const lines = createInterface({ input: stream, crlfDelay: Infinity });
  lines.on('line', (line) => {
    if (line.trim() !== '') take(parseLogLine(line));
  });
  lines.on('error', () => undefined);
}

/** Lines that are not ours (a crash's trace, a library's warning) are kept as text. */
export function parseLogLine(line: string): LogLine {
  const text = line.slice(0, longest);
  try {
    const {
      level,
      msg,
      code,
      time: _time,
      pid: _pid,
      hostname: _hostname,
      name: _name,
      ...fields
    } = lineSchema.parse(JSON.parse(text));
    return { level, message: msg, code, fields };
  } catch {
    return { level: 40, message: text, code: undefined, fields: {} };
  }
}
