import { type ChildProcess, spawn } from 'node:child_process';
import { findProgram } from './shell.js';

/**
 * Keeps the machine awake while this process lives: `systemd-inhibit` or `caffeinate`, each told to end with us. Returns
 * what lets it sleep again; where neither program is there, or it is refused, nothing happens.
 */
export function inhibitSleep(reason: string): () => void {
  const argv = inhibitor(reason);
  if (argv === null) return () => {};
  const [program = '', ...args] = argv;
  let child: ChildProcess;
  try {
    child = spawn(program, args, { stdio: 'ignore', detached: true });
  } catch {
    return () => {}; // To stay awake is a courtesy: without it the run goes on, and a sleep is noticed.
  }
  child.on('error', () => {});
  child.unref();
  return () => {
    if (child.pid === undefined || child.exitCode !== null) return;
    try {
      process.kill(-child.pid, 'SIGTERM');
    } catch {
      child.kill(); // It has no group any more.
    }
  };
}

function inhibitor(reason: string): readonly string[] | null {
  const path = process.env['PATH'] ?? '';
  if (process.platform === 'darwin') {
    const caffeinate = findProgram('caffeinate', path);
    return caffeinate === null ? null : [caffeinate, '-i', '-w', String(process.pid)];
  }
  const inhibit = findProgram('systemd-inhibit', path);
  const tail = findProgram('tail', path);
  if (inhibit === null || tail === null) return null;
  const why = ['--what=sleep', '--mode=block', '--who=autoresearch', `--why=${reason}`];
  return [inhibit, ...why, tail, '-f', `--pid=${process.pid}`, '/dev/null'];
}
