#!/usr/bin/env node
import { EXIT_CODES } from './core/errors.js';

/** Entry: survives a closed pipe, runs the program, and turns whatever came out into an exit code. */
process.stdout.on('error', quietWhenClosed);
process.stderr.on('error', quietWhenClosed);

function quietWhenClosed(error: NodeJS.ErrnoException): void {
  if (error.code === 'EPIPE') process.exit(EXIT_CODES.done);
  throw error;
}

const { main } = await import('./cli/main.js');
process.exitCode = await main(process.argv.slice(2));
