// `aggregator check`: what this machine has for evidence, what it lacks, what to do. For the administrator of the confidential VM.
import { resolve } from 'node:path';
import type { Options } from '@wardround/command-line/options';
import { systemHardware } from '../platform/hardware.ts';
import { measureProgram } from '../platform/measure.ts';
import { type Finding, surveyMachine } from '../platform/survey.ts';
import type { Io } from './command-io.ts';
import { readConfig } from './config.ts';

/** Resolves with 0 only if the configured platform gave evidence. @throws WardroundError `config-*`, `measure-unreadable` */
export async function check(options: Options, io: Io): Promise<number> {
  const dir = options['dir'];
  const config = typeof dir === 'string' ? await readConfig(resolve(dir)) : null;
  const { measurement } = await measureProgram();
  const { findings, canAttest } = await surveyMachine(config, {
    measurement,
    now: new Date(),
    hardware: systemHardware,
  });
  const platform = config?.platform.kind ?? null;
  io.print(
    options['json'] === true
      ? JSON.stringify({ platform, canAttest, findings })
      : [...findings.map(line), '', verdict(platform, canAttest)].join('\n'),
  );
  return canAttest ? 0 : 1;
}

function line({ what, status, detail, code }: Finding): string {
  return `${status === 'present' ? 'ok     ' : 'absent '} ${what.padEnd(18)} ${detail}${code === null ? '' : ` [${code}]`}`;
}

function verdict(platform: string | null, canAttest: boolean): string {
  if (platform === null) return 'Nothing is configured, so nothing can give evidence. Name a directory with --dir.';
  if (!canAttest) return `The configured platform, ${platform}, gives no evidence: start would stop at the line above.`;
  return platform === 'simulated'
    ? 'The SIMULATED platform answers. It proves nothing about hardware.'
    : `The configured platform, ${platform}, gives evidence.`;
}
