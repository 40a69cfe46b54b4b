// A supervisor that was itself started with a stray descriptor: starts `ls` where its vault would be, and says what that inherited.
import { text } from 'node:stream/consumers';
import { vaultIsolationSchema } from '../../../site-agent/src/config/site-config.ts';
import { sitePaths } from '../../../site-agent/src/config/site-paths.ts';
import { launchVault } from '../../../site-agent/src/isolation/launch.ts';
import { startProcess } from '../../../site-agent/src/isolation/start-process.ts';
import { strayDescriptors } from '../../../site-agent/src/isolation/stray-descriptors.ts';

const [directory = '', isolation = ''] = process.argv.slice(2);
const launch = launchVault(sitePaths(directory), { vaultIsolation: vaultIsolationSchema.parse(isolation) });
const node = launch.args.indexOf(process.execPath, launch.args.lastIndexOf('--'));
const before = strayDescriptors();
const child = startProcess({ ...launch, args: [...launch.args.slice(0, node), '/bin/ls', '/proc/self/fd'] });
child.stdin.end();
const listed = (await text(child.stdout)).trim().split('\n');
process.stdout.write(JSON.stringify({ before, listed }));
