// `wardround`: finds out which command is meant and runs it. A role's command is its own program; the rest is here.
import { CommanderError } from 'commander';
import { hasCode, WardroundError } from '@wardround/protocol/errors';
import { ExitCode } from './exit-code.ts';
import { overview, topic } from './help.ts';
import { reportError } from './output.ts';
import { createProgram } from './program.ts';
import { roleCall, runRole } from './roles.ts';

const words = process.argv.slice(2);
process.exitCode = await run(words);

async function run(given: readonly string[]): Promise<number> {
  try {
    return await dispatch(given);
  } catch (error) {
    return explain(error, given.includes('--json'));
  }
}

async function dispatch(given: readonly string[]): Promise<number> {
  const [first, second] = given;
  if (first === undefined || first === '--help' || first === '-h' || (first === 'help' && second === undefined)) {
    process.stdout.write(`${overview()}\n`);
    return 0;
  }
  if (first === 'help' && second !== undefined) return await help(second, given.slice(1));
  const call = roleCall(given);
  if (call !== null) return await runRole(call);
  await (await createProgram(first)).parseAsync([...given], { from: 'user' });
  return 0;
}

/** A role's help is our short one and then its program's; everything else is commander's. */
async function help(word: string, path: readonly string[]): Promise<number> {
  const ofRole = roleCall([...path, '--help']);
  if (ofRole === null) return await dispatch([...path, '--help']);
  process.stdout.write(`${topic(word) ?? ''}\n\n`);
  return await runRole(ofRole);
}

function explain(error: unknown, json: boolean): number {
  if (error instanceof ExitCode) {
    if (error.error !== undefined) reportError(error.error, json);
    return error.status;
  }
  if (error instanceof CommanderError) return explainUsage(error, json);
  if (hasCode(error, 'usage')) return usage(error, json);
  reportError(error, json);
  return 1;
}

/** Commander's own complaints, in our form; help that was asked for is no error. */
function explainUsage({ code, message, exitCode }: CommanderError, json: boolean): number {
  if (exitCode === 0 || code === 'commander.helpDisplayed') return 0;
  if (code === 'commander.help') return 2;
  const sentence = message.replace(/^error: /, '').replaceAll('\n', ' ');
  return usage(new WardroundError('usage', sentence, { expected: 'a command as `wardround help` shows them' }), json);
}

function usage(error: unknown, json: boolean): number {
  reportError(error, json);
  return 2;
}
