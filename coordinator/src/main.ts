#!/usr/bin/env node
// The coordinator as a program.
import { processIo } from './command-io.ts';
import { runCommandLine } from './command-line.ts';

process.exitCode = await runCommandLine(process.argv.slice(2), processIo);
