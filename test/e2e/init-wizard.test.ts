import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { describe, expect, it, onTestFinished } from 'vitest';
import { loadExperiment } from '../../src/config/experiment.js';
import { CLI, placeOf } from '../helpers/command.js';
import { type TemporaryRepository, temporaryRepository } from '../helpers/git.js';

const BENCH = "import { a } from './src/a.mjs';\nconsole.log(`p50_ms: \x24{a}`);\n";
const MARKED = 'export const a = 12; // autoresearch: int 1..20\n';
/** Lends a terminal to a command. */
const SCRIPT = '/usr/bin/script';
const ENTER = '\r';
const CTRL_C = '\u0003';
const CTRL_U = '\u0015';

/** Answers each question when it appears; resolves with the exit code and everything that was shown. */
function converse(
  repository: TemporaryRepository,
  args: readonly string[],
  answers: readonly (readonly [question: string, keys: string])[],
): Promise<{ code: number | null; shown: string }> {
  const place = placeOf(repository);
  const words = [process.execPath, CLI, 'init', ...args].map((word) => `'${word}'`);
  // A terminal without a size has no room for a question.
  const command = `stty rows 40 cols 120; ${words.join(' ')}`;
  const { CI: _, NO_COLOR: __, ...ambient } = process.env;
  const child = spawn(SCRIPT, ['--quiet', '--return', '--flush', '--command', command, '/dev/null'], {
    cwd: place.cwd,
    env: { ...ambient, ...place.env, TERM: 'xterm', LANG: 'C.UTF-8' },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  const left = [...answers];
  let shown = '';
  let from = 0;
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    shown += stripVTControlCharacters(text);
    const [question, keys] = left[0] ?? [];
    const at = question === undefined ? -1 : shown.indexOf(question, from);
    if (at < 0 || keys === undefined || question === undefined) return;
    from = at + question.length;
    left.shift();
    child.stdin.write(keys);
  });
  return new Promise((resolve, reject) => {
    child.on('error', reject).on('close', (code) => resolve({ code, shown }));
  });
}

const hasTerminal = process.platform === 'linux' && existsSync(SCRIPT);

describe.runIf(hasTerminal)('init on a terminal', () => {
  it('asks for everything, with what it found as the defaults', async () => {
    const repository = temporaryRepository({ files: { 'src/a.mjs': MARKED, 'bench.mjs': BENCH } });
    const { code, shown } = await converse(
      repository,
      ['--no-measure'],
      [
        ['◆  How is it measured?', ENTER],
        ['◆  The name of the number', ENTER],
        ['◆  Which p50_ms is better?', ENTER],
        ['◆  What may be changed?', `${CTRL_U}src/none.mjs${ENTER}`],
        ['◆  What may be changed?', `${CTRL_U}src/a.mjs${ENTER}`],
        ['◆  Who makes the changes?', ENTER],
        ['◆  Its name, as domain/name.', ENTER],
      ],
    );
    expect(shown).toContain('autoresearch run --experiment engineering/a-speed --loop');
    expect(code).toBe(0);
    const folder = join(repository.path, '.autoresearch/engineering/a-speed');
    const name = { domain: 'engineering', name: 'a-speed' };
    const { settings } = loadExperiment({ name, scope: 'project', folder, repository: repository.path, home: null });
    expect(settings).toMatchObject({
      target: ['src/a.mjs'],
      evaluateCmd: 'node bench.mjs',
      metric: 'p50_ms',
      metricDirection: 'lower',
      proposer: { kind: 'search' },
    });
  });

  it('asks only for what is missing', async () => {
    const repository = temporaryRepository({ files: { 'src/a.mjs': MARKED, 'bench.mjs': BENCH } });
    const given = ['--experiment', 'a/b', '--target', 'src/a.mjs', '--eval', 'node bench.mjs', '--direction', 'lower'];
    const { code, shown } = await converse(
      repository,
      [...given, '--proposer', 'manual', '--no-measure'],
      [['◆  The name of the number', ENTER]],
    );
    expect(code).toBe(0);
    expect(shown).not.toContain('How is it measured?');
    expect(shown).not.toContain('What may be changed?');
    expect(shown).not.toContain('Who makes the changes?');
    expect(repository.read('.autoresearch/a/b/config.cfg')).toContain('\nmetric = p50_ms\n');
  });

  it('writes nothing and ends with 130 when the person gives up at the last question', async () => {
    const repository = temporaryRepository({ files: { 'src/a.mjs': MARKED, 'bench.mjs': BENCH } });
    const before = repository.fingerprint();
    const { code, shown } = await converse(
      repository,
      [],
      [
        ['◆  How is it measured?', ENTER],
        ['◆  The name of the number', ENTER],
        ['◆  Which p50_ms is better?', ENTER],
        ['◆  What may be changed?', ENTER],
        ['◆  Who makes the changes?', ENTER],
        ['◆  Its name, as domain/name.', CTRL_C],
      ],
    );
    expect(shown).toContain('Nothing was written.');
    expect(code).toBe(130);
    expect(repository.fingerprint()).toBe(before);
  });

  it('asks nothing with --yes', async () => {
    const repository = temporaryRepository({ files: { 'src/a.mjs': MARKED } });
    const { code, shown } = await converse(repository, ['--yes'], []);
    expect(code).toBe(2);
    expect(shown).toContain('--domain, --name, --target, --eval, --metric are missing');
  });
});
