// Descriptors that this process was started with, beyond 0, 1 and 2: a shell's, a service manager's. Every child would inherit them.
import { closeSync, readdirSync, readFileSync } from 'node:fs';

/** O_CLOEXEC in /proc's octal flags (Linux, fcntl.h). What Node opens itself has it; what survived our own start has not. */
const closeOnExec = 0o2000000;

/**
 * Closes what a child would inherit besides its own three pipes. Node marks only the first, gapless run of inherited descriptors
 * close-on-exec (libuv, uv_disable_stdio_inheritance), so one numbered 251 passes through it, and through the vault's wrapper too.
 */
export function closeStrayDescriptors(): void {
  for (const descriptor of strayDescriptors()) {
    try {
      closeSync(descriptor);
    } catch {
      // Gone already.
    }
  }
}

/** None where there is no /proc (macOS). */
export function strayDescriptors(): readonly number[] {
  return listDescriptors().filter((descriptor) => descriptor > 2 && !isClosedOnExec(descriptor));
}

function listDescriptors(): readonly number[] {
  try {
    return readdirSync('/proc/self/fdinfo').map(Number);
  } catch {
    return [];
  }
}

function isClosedOnExec(descriptor: number): boolean {
  try {
    const flags = /^flags:\s*([0-7]+)$/m.exec(readFileSync(`/proc/self/fdinfo/${descriptor}`, 'utf8'))?.[1];
    return flags === undefined || (Number.parseInt(flags, 8) & closeOnExec) !== 0;
  } catch {
    return true;
  }
}
