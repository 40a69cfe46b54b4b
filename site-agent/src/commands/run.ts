// From the words that were typed to an answer on stdout and an exit code. What goes wrong is told on stderr, in one form.
import { commandHelp, type Described, overview } from '@wardround/command-line/help';
import { WardroundError } from '@wardround/protocol/errors';
import { nearestName } from '../config/nearest.ts';
import type { Answer, Command, Surroundings } from './command.ts';
import { exitCodeOf, failureDocument, failureText } from './failure.ts';
import { federationAdmit } from './federation-admit.ts';
import { federationDraft } from './federation-draft.ts';
import { federationFingerprint } from './federation-fingerprint.ts';
import { federationSign } from './federation-sign.ts';
import { siteApprove } from './site-approve.ts';
import { siteConsent, siteRefuse, siteWithdraw } from './site-decide.ts';
import { siteInit } from './site-init.ts';
import { siteJoin } from './site-join.ts';
import { siteStart } from './site-start.ts';
import { siteStudies } from './site-studies.ts';
import { parseTyped } from './typed.ts';

export const commands: readonly Command[] = [
  siteInit,
  siteJoin,
  siteStart,
  siteStudies,
  siteApprove,
  siteRefuse,
  siteWithdraw,
  siteConsent,
  federationDraft,
  federationFingerprint,
  federationSign,
  federationAdmit,
];

export interface Terminal {
  readonly surroundings: Surroundings;
  out(text: string): void;
  err(text: string): void;
}

function described(command: Command): Described {
  return { ...command, words: `wardround ${command.words.join(' ')}` };
}

/** Runs one command. Never throws: whatever happens is told, and is in the exit code. */
export async function runCommand(words: readonly string[], terminal: Terminal): Promise<number> {
  const json = words.includes('--json');
  try {
    if (isHelp(words)) {
      terminal.out(`${overview("The hospital's side of a wardround federation.", commands.map(described))}\n`);
      return 0;
    }
    const command = findCommand(words);
    const typed = parseTyped(command, words.slice(2));
    if (typed.flag('help')) {
      terminal.out(`${commandHelp(described(command))}\n`);
      return 0;
    }
    const answer = await command.run(typed, terminal.surroundings);
    terminal.out(json ? jsonText(answer) : peopleText(answer));
    return answer.exitCode ?? 0;
  } catch (error) {
    if (json) terminal.out(`${JSON.stringify(failureDocument(error))}\n`);
    terminal.err(failureText(error));
    return exitCodeOf(error);
  }
}

function isHelp(words: readonly string[]): boolean {
  const [first] = words;
  return first === undefined || first === '--help' || first === 'help';
}

/** @throws WardroundError `usage-command` */
function findCommand(words: readonly string[]): Command {
  const typed = words.slice(0, 2).join(' ');
  const command = commands.find((known) => known.words.join(' ') === typed);
  if (command !== undefined) return command;
  const names = commands.map((known) => known.words.join(' '));
  const nearest = nearestName(typed, names);
  throw new WardroundError('usage-command', 'there is no such command', {
    expected: nearest === undefined ? names.join(', ') : `perhaps: ${nearest}`,
    got: typed,
  });
}

function peopleText({ lines }: Answer): string {
  return lines.length === 0 ? '' : `${lines.join('\n')}\n`;
}

function jsonText({ json }: Answer): string {
  return json === null ? '' : `${JSON.stringify(json)}\n`;
}
