/**
 * The floor: one trial by hand. The git commands that a discarded trial of the runner issues, one contained shell for
 * the evaluator and one durable row, from a bare Node with nothing else loaded. Prints milliseconds per trial as JSON.
 *
 *   node bench/floor.mjs <repository> <worktree> <store> <trials> <first number>
 */
import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';

const [repository = '', worktree = '', storePath = '', trials = '0', first = '0'] = process.argv.slice(2);
const config = ['core.hooksPath=/dev/null', 'core.fsync=all', 'gc.auto=0'].flatMap((pair) => ['-c', pair]);
const evaluator =
  'total=0; while read -r _ value _; do total=$((total + value)); done < target.txt; echo "score: $total"';
const contained = [
  'setpriv',
  '--pdeathsig',
  'KILL',
  '--',
  'unshare',
  '--pid',
  '--fork',
  '--kill-child=KILL',
  '--mount-proc',
];
const identity = { GIT_AUTHOR_NAME: 'b', GIT_AUTHOR_EMAIL: 'b@b', GIT_COMMITTER_NAME: 'b', GIT_COMMITTER_EMAIL: 'b@b' };

const database = new Database(storePath);
database.pragma('journal_mode = WAL');
database.pragma('synchronous = FULL');
database.exec('CREATE TABLE IF NOT EXISTS floor (number INTEGER, score TEXT)');
const insert = database.prepare('INSERT INTO floor VALUES (?, ?)');

/** Runs a program to its end and returns what it printed. */
function run(argv, cwd, input) {
  return new Promise((resolve, reject) => {
    const [program, ...args] = argv;
    const stdio = [input === undefined ? 'ignore' : 'pipe', 'pipe', 'inherit'];
    const child = spawn(program, args, { cwd, stdio, env: { ...process.env, ...identity } });
    let text = '';
    child.stdout.on('data', (chunk) => {
      text += chunk;
    });
    child.stdin?.end(input);
    child.on('error', reject);
    child.on('close', (code) => (code === 0 ? resolve(text.trim()) : reject(new Error(`${argv.join(' ')}: ${code}`))));
  });
}

const git = (cwd, args, input) => run(['git', ...config, ...args], cwd, input);

async function trial(number, incumbent) {
  await git(repository, ['rev-parse', '--verify', 'refs/floor/incumbent']);
  writeFileSync(join(worktree, 'target.txt'), `a ${number} # autoresearch: int 1..100\n`);
  await git(worktree, ['ls-files', '-z', '-t', '-m', '-d', '-o', '--exclude-standard', '--', 'target.txt']);
  await git(worktree, ['update-index', '--add', '--remove', '-z', '--stdin'], 'target.txt\0');
  await git(worktree, ['status', '--porcelain=v2', '-z', '--untracked-files=all']);
  const tree = await git(worktree, ['write-tree']);
  await git(repository, ['diff', '--stat=4096', '--no-renames', incumbent, tree, '--']);
  const commit = await git(repository, ['commit-tree', tree, '-p', incumbent, '-F', '-'], `experiment: ${number}\n`);
  const creation = `create refs/floor/trials/${number} ${commit}\n`;
  await git(repository, ['update-ref', '--create-reflog', '-m', 'floor', '--stdin'], creation);
  await git(worktree, ['update-ref', '--no-deref', 'HEAD', commit]);
  await git(worktree, ['clean', '-ffdxq']);
  await git(worktree, ['reset', '--hard', commit]);
  const score = await run([...contained, 'bash', '-o', 'pipefail', '-c', evaluator], worktree);
  await git(worktree, ['clean', '-ffdxq']);
  await git(worktree, ['reset', '--hard', incumbent]);
  insert.run(number, score);
}

const incumbent = await git(repository, ['rev-parse', 'HEAD']);
await git(repository, ['update-ref', 'refs/floor/incumbent', incumbent]);
const times = [];
for (let number = Number(first); number < Number(first) + Number(trials); number += 1) {
  const start = performance.now();
  await trial(number, incumbent);
  times.push(performance.now() - start);
}
database.close();
console.log(JSON.stringify(times));
