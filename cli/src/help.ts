// Help for a tired person: who are you, what do you want to do, one line each, with an example that can be typed.

interface Group {
  readonly who: string;
  readonly commands: readonly (readonly [string, string])[];
}

const groups: readonly Group[] = [
  {
    who: 'just looking',
    commands: [['wardround demo', 'four hospitals train one model on this machine, in under a minute']],
  },
  {
    who: 'a hospital',
    commands: [
      ['wardround site init --dir DIR', "make this hospital's agent: keys, settings, policy"],
      ['wardround site join --dir DIR ...', 'introduce it to the other founders, under an invitation'],
      [
        'wardround federation draft|fingerprint|sign --dir DIR',
        'found the federation; compare the fingerprint by telephone',
      ],
      ['wardround federation admit --dir DIR ...', 'let a new party in (a quorum must sign)'],
      ['wardround site start --dir DIR', 'run the agent'],
      ['wardround site studies --dir DIR', 'what is asked of us, and what is going on'],
      [
        'wardround collateral fetch|import|export|status',
        "the vendors' revocation lists and certificates, also by stick",
      ],
      [
        'wardround policy init --platform sev-snp|tdx|azure-snp-vtpm|azure-tdx-vtpm',
        'a commented attestation policy to fill in',
      ],
      ['wardround policy explain policy.yaml', 'what it accepts, in sentences, and what it does not cover'],
      ['wardround site approve|refuse|withdraw --dir DIR STUDY', 'decide about a study'],
      ['wardround site consent --dir DIR STUDY', 'let the final model go to its recipient'],
    ],
  },
  {
    who: 'a researcher',
    commands: [
      ['wardround researcher init --name dr.lind', 'make your keys'],
      ['wardround researcher join --coordinator URL --invitation CODE', 'introduce yourself to the federation'],
      ['wardround study init plan.yaml', 'a commented plan to start from'],
      ['wardround study validate plan.yaml', 'every mistake, with its line'],
      ['wardround study compile plan.yaml', 'the plan with every value explicit'],
      ['wardround privacy calibrate --epsilon 2 --delta 1e-5 ...', 'how much noise a privacy budget needs'],
      ['wardround simulate plan.yaml', 'the whole study on this machine, to try the plan out'],
      ['wardround study launch plan.yaml', 'sign it and put it before the hospitals'],
      ['wardround study watch|status ID', 'follow it'],
      ['wardround study model ID --out DIR', 'open the released model'],
    ],
  },
  {
    who: 'an operator',
    commands: [
      ['wardround coordinator init|start --dir DIR', 'the relay, which can read nothing'],
      ['wardround aggregator init|check|measure|start --dir DIR', 'the enclave that sums'],
      ['wardround release init|join|sign', 'sign which enclave builds are released'],
    ],
  },
  {
    who: 'an auditor',
    commands: [
      ['wardround evidence inspect --kind snp --report FILE --cert FILE', 'is this report genuine?'],
      ['wardround evidence verify BUNDLE.json --policy POLICY.yaml --nonce HEX', 'would this policy accept it?'],
      ['wardround evidence replay RECORD.json', 'judge a saved appraisal again, as of its day'],
      ['wardround privacy epsilon|compose', 'what noise, sampling and steps spent, and under which assumptions'],
      ['wardround privacy explain plan.yaml', "what a patient's presence could still change, in sentences"],
      ['wardround study status ID --export DIR', 'take the records of a study with you'],
      ['wardround audit verify DIR', 'prove, offline, everything that was signed'],
    ],
  },
  {
    who: 'anyone with data',
    commands: [
      ['wardround data fetch uci-heart-disease', 'the four public hospitals, checked by SHA-256'],
      ['wardround data describe FILE', 'what a table holds'],
    ],
  },
];

export function overview(): string {
  const width = 66;
  const lines = groups.flatMap(({ who, commands }) => [
    `  ${who}`,
    ...commands.map(([command, what]) => `    ${command.padEnd(width)} ${what}`),
    '',
  ]);
  return [
    'wardround: federated training across hospitals; patients stay where they are',
    '',
    ...lines,
    '  Every command takes --help, and --json for one JSON document on stdout. `wardround help study` says more of one topic.',
    '  Where a researcher keeps keys: --dir DIR, else $WARDROUND_HOME, else ./wardround-researcher.',
  ].join('\n');
}

/** The lines of the overview that begin with this word: the help of a role, whose own program knows the options. */
export function topic(word: string): string | null {
  const lines = groups.flatMap(({ commands }) => commands.filter(([command]) => command.split(/[ |]/)[1] === word));
  if (lines.length === 0) return null;
  return lines.map(([command, what]) => `  ${command}\n      ${what}`).join('\n');
}
