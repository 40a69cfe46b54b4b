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

const levels = { trace: 10, debug: 20, info: 30, warn: 40, error: 50, fatal: 60 } as const;
type LevelName = keyof typeof levels;

/** pino's lines (the courier's), and the vault's own, which name an event instead of having a text. */
const pinoSchema = z.looseObject({ level: z.number(), msg: z.string(), code: z.string().max(64).optional() });
const eventSchema = z.looseObject({
  level: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal']),
  event: z.string(),
  code: z.string().max(64).optional(),
  detail: z.string().optional(),
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
  const parsed = parseJson(text);
  const pino = pinoSchema.safeParse(parsed);
  if (pino.success) {
    const {
      level,
      msg: message,
      code,
      time: _time,
      pid: _pid,
      hostname: _hostname,
      name: _name,
      ...fields
    } = pino.data;
    return { level, message, code, fields };
  }
  const event = eventSchema.safeParse(parsed);
  if (event.success) {
    const { level, event: what, code, detail, at: _at, process: _process, ...fields } = event.data;
    return { level: numberOf(level), message: detail === undefined ? what : `${what}: ${detail}`, code, fields };
  }
  return { level: 40, message: text, code: undefined, fields: {} };
}

function numberOf(level: LevelName): number {
  return levels[level];
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
