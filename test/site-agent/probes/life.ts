// A process that plays the vault or the courier in the supervisor's tests: says who it is, and obeys the words it reads on stdin.
// `exit N` ends it so, `deaf` makes it ignore the end of its pipe, anything else is passed on to the other with its own name before it.
import { createInterface } from 'node:readline';

const [role = 'nobody', firstWord = ''] = process.argv.slice(2);
let deaf = firstWord === 'deaf';

function log(level: number, msg: string, more: object = {}): void {
  process.stderr.write(`${JSON.stringify({ level, time: 0, msg, ...more })}\n`);
}

function obey(word: string): void {
  if (word.startsWith('exit ')) {
    log(50, 'told to end', { code: 'told-to-end' });
    process.exit(Number(word.slice('exit '.length)));
  } else if (word === 'deaf') {
    deaf = true;
    log(30, 'deaf');
  } else log(30, `heard ${word}`);
}

createInterface({ input: process.stdin })
  .on('line', obey)
  .on('close', () => {
    if (deaf) setInterval(() => undefined, 60_000);
    else process.exit(0);
  });

if (firstWord === 'deaf') log(30, 'deaf');
if (firstWord.startsWith('exit ')) obey(firstWord);
else {
  process.stdout.write(`hello from ${role}\n`);
  log(30, 'ready', { pid: process.pid });
}
