// The commands of `wardround` that are not a role's. Each group is loaded when it is asked for: nobody waits for what he does not use.
import { Command } from 'commander';
import { WardroundError } from '@wardround/protocol/errors';
import { nearestWord } from '@wardround/protocol/plan/nearest';

type Group = (program: Command) => Promise<void>;

const groups: Readonly<Record<string, Group>> = {
  study: async (program) => {
    const study = program.command('study').description('write, launch and follow studies');
    (await import('./commands/study-plan.ts')).addPlanCommands(study);
    (await import('./commands/study-run.ts')).addRunCommands(study);
  },
  researcher: async (program) => (await import('./commands/researcher.ts')).addResearcherCommands(program),
  release: async (program) => (await import('./commands/release.ts')).addReleaseCommands(program),
  data: async (program) => (await import('./commands/data.ts')).addDataCommands(program),
  demo: async (program) => (await import('./commands/demo.ts')).addDemoCommand(program),
  simulate: async (program) => (await import('./commands/simulate.ts')).addSimulateCommand(program),
  audit: async (program) => (await import('./commands/audit.ts')).addAuditCommands(program),
  collateral: async (program) => (await import('./commands/collateral.ts')).addCollateralCommands(program),
  policy: async (program) => (await import('./commands/policy.ts')).addPolicyCommands(program),
  privacy: async (program) => (await import('./commands/privacy.ts')).addPrivacyCommands(program),
  evidence: async (program) => (await import('./commands/evidence.ts')).addEvidenceCommands(program),
};

const roleWords = ['coordinator', 'site', 'federation', 'aggregator'];

/**
 * Commander's program for the group that `first` names.
 *
 * @throws WardroundError `usage` where there is no such group
 */
export async function createProgram(first: string): Promise<Command> {
  const add = Object.hasOwn(groups, first) ? groups[first] : undefined;
  if (add === undefined) throw unknownCommand(first);
  const program = new Command('wardround').exitOverride().configureOutput({ outputError: () => {} });
  await add(program);
  return program;
}

function unknownCommand(word: string): WardroundError {
  const known = [...Object.keys(groups), ...roleWords];
  const nearest = nearestWord(word, known);
  return new WardroundError('usage', 'there is no such command', {
    expected:
      nearest === undefined
        ? 'a command as `wardround help` shows them'
        : `${nearest} perhaps? \`wardround help\` shows all`,
    got: word,
  });
}
