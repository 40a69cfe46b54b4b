// How a process is kept off the network and out of other files: the words that stand before `node` on its command line.
// Node's permission model comes on top (node-permissions.ts); this here holds also against code that found a way around that.
import { existsSync } from 'node:fs';
import { WardroundError } from '@wardround/protocol/errors';
import type { VaultIsolation } from '../config/site-config.ts';

/** What a confined process sees of the file system, besides the system's own programs and libraries. */
export interface View {
  /** An empty directory: where the new root is mounted, in a mount namespace of its own. */
  readonly mountPoint: string;
  readonly readable: readonly string[];
  readonly writable: readonly string[];
}

/** The ways that confine, in the order in which `auto` tries them. */
export const confiningModes = ['networkNamespace', 'bubblewrap', 'systemdPrivateNetwork'] as const;

const systemPaths = ['/usr', '/lib', '/lib64', '/bin', '/dev/null', '/dev/urandom'];

/**
 * The command line that runs `command` under the named isolation. Nothing is run here.
 *
 * @param command absolute path of the program, and its arguments
 * @throws WardroundError `isolation-path` for a path that these tools would read as something else
 */
export function confined(isolation: VaultIsolation, view: View, command: readonly string[]): readonly string[] {
  requirePlainPaths([view.mountPoint, ...view.readable, ...view.writable]);
  switch (isolation) {
    case 'networkNamespace':
      return networkNamespace(view, command);
    case 'bubblewrap':
      return bubblewrap(view, command);
    case 'systemdPrivateNetwork':
      return systemdPrivateNetwork(view, command);
    case 'vaultNotIsolated':
      return command;
  }
}

// Runs inside the new namespaces, as root of them alone. A new root holds bind mounts of what may be seen; the old one is
// unmounted; all capabilities are given up for good before the program starts. No core file may keep patients' rows.
const jailScript = `
set -eu
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
umask 077
ulimit -c 0
root=$1
shift
mount -t tmpfs -o mode=0755,nosuid,nodev,size=1m wardround "$root"
while [ "$1" != -- ]; do
  if [ -d "$2" ]; then mkdir -p "$root$2"; else mkdir -p "$root\${2%/*}"; : > "$root$2"; fi
  mount --rbind "$2" "$root$2"
  [ "$1" = writable ] || mount -o remount,bind,ro "$root$2"
  shift 2
done
shift
mkdir "$root/.old" "$root/proc"
mount -t proc proc "$root/proc"
mount -o remount,bind,ro,nosuid,nodev "$root"
cd "$root"
pivot_root . .old
umount -l /.old
exec setpriv --no-new-privs --bounding-set=-all --inh-caps=-all -- "$@"
`;

function networkNamespace({ mountPoint, readable, writable }: View, command: readonly string[]): readonly string[] {
  const namespaces = ['--net', '--mount', '--ipc', '--pid', '--fork', '--kill-child', '--map-root-user'];
  const mounts = [
    ...[...present(systemPaths), ...present(readable)].flatMap((path) => ['readable', path]),
    ...writable.flatMap((path) => ['writable', path]),
  ];
  return ['unshare', ...namespaces, '--', 'sh', '-c', jailScript, 'wardround', mountPoint, ...mounts, '--', ...command];
}

function bubblewrap({ readable, writable }: View, command: readonly string[]): readonly string[] {
  const namespaces = ['--unshare-all', '--die-with-parent', '--new-session', '--cap-drop', 'ALL'];
  const surroundings = [
    '--clearenv',
    '--setenv',
    'PATH',
    '/usr/bin:/bin',
    '--dev',
    '/dev',
    '--proc',
    '/proc',
    '--chdir',
    '/',
  ];
  return [
    'bwrap',
    ...namespaces,
    ...surroundings,
    ...present(systemPaths)
      .filter((path) => !path.startsWith('/dev/'))
      .flatMap((path) => ['--ro-bind', path, path]),
    ...present(readable).flatMap((path) => ['--ro-bind', path, path]),
    ...writable.flatMap((path) => ['--bind', path, path]),
    '--remount-ro',
    '/',
    '--',
    ...command,
  ];
}

function systemdPrivateNetwork({ readable, writable }: View, command: readonly string[]): readonly string[] {
  const properties = [
    'PrivateNetwork=yes',
    'RestrictAddressFamilies=none',
    'PrivateDevices=yes',
    'PrivateIPC=yes',
    'ProtectProc=invisible',
    'NoNewPrivileges=yes',
    'CapabilityBoundingSet=',
    'LimitCORE=0',
    'TemporaryFileSystem=/:ro',
    `BindReadOnlyPaths=${[...present(systemPaths).filter((path) => !path.startsWith('/dev/')), ...present(readable)].join(' ')}`,
    ...(writable.length === 0 ? [] : [`BindPaths=${writable.join(' ')}`]),
  ];
  const user = process.getuid?.() === 0 ? [] : ['--user'];
  const manner = ['--pipe', '--wait', '--collect', '--quiet', '--service-type=exec'];
  return [
    'systemd-run',
    ...user,
    ...manner,
    ...properties.map((property) => `--property=${property}`),
    '--',
    ...command,
  ];
}

// A path that is not there cannot be shown; whether it should be is for the process that misses it to say. One inside another is
// shown with that.
function present(paths: readonly string[]): readonly string[] {
  const there = [...new Set(paths)].filter((path) => existsSync(path));
  return there.filter((path) => !there.some((other) => path.startsWith(`${other}/`)));
}

function requirePlainPaths(paths: readonly string[]): void {
  const odd = paths.find((path) => !/^\/[^\u0000-\u0020"':\\%*,]*$/.test(path));
  if (odd !== undefined) {
    throw new WardroundError('isolation-path', 'a path with blanks or special characters cannot be confined safely', {
      got: odd,
      expected: 'an absolute path of plain characters',
    });
  }
}
