// DIR/agent.log: one JSON line for each thing that happened, without patients' data; and one short line of it for whoever watches.
import { rename, stat } from 'node:fs/promises';
import pino from 'pino';
import type { SitePaths } from '../config/site-paths.ts';
import type { LogLine } from './log-lines.ts';

export interface AgentLog {
  line(from: string, line: LogLine): void;
  info(message: string, fields?: Readonly<Record<string, unknown>>): void;
  close(): void;
}

const rotateAtBytes = 64 * 1024 * 1024;

/** Opens the log file (mode 0600), after setting aside one that grew large. @param show gets the short lines */
export async function openAgentLog(paths: SitePaths, show: (line: string) => void): Promise<AgentLog> {
  const size = await stat(paths.log).then(
    (stats) => stats.size,
    () => 0,
  );
  if (size > rotateAtBytes) await rename(paths.log, `${paths.log}.1`);
  const destination = pino.destination({ dest: paths.log, sync: true, mode: 0o600 });
  const log = pino({ base: null, level: 'trace', timestamp: pino.stdTimeFunctions.isoTime }, destination);
  const line: AgentLog['line'] = (from, { level, message, code, fields }) => {
    const all = { ...fields, ...(code === undefined ? {} : { code }), from };
    if (level >= 50) log.error(all, message);
    else if (level >= 40) log.warn(all, message);
    else if (level >= 30) log.info(all, message);
    else log.debug(all, message);
    if (level >= 30) show(shortLine(from, { level, message, code }));
  };
  return {
    line,
    info: (message, fields = {}) => line('supervisor', { level: 30, message, code: undefined, fields }),
    close: () => destination.end(),
  };
}

function shortLine(from: string, { level, message, code }: Omit<LogLine, 'fields'>): string {
  const mark = level >= 50 ? 'ERROR ' : level >= 40 ? 'warning: ' : '';
  const clean = message.replaceAll(/[\u0000-\u001f\u007f-\u009f]/g, ' ').slice(0, 300);
  return `${from.padEnd(10)} ${mark}${clean}${code === undefined ? '' : ` [${code}]`}`;
}
