import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { autoresearch, CLI, filesBelow, placeOf } from '../helpers/command.js';
import { type TemporaryRepository, temporaryFolder, temporaryRepository } from '../helpers/git.js';

const AGENTS = '.agents/skills/autoresearch/SKILL.md';
const CLAUDE = '.claude/skills/autoresearch/SKILL.md';

const install = (repository: TemporaryRepository, ...args: string[]) =>
  autoresearch(placeOf(repository), ['skill', 'install', ...args]);

async function printed(): Promise<string> {
  return (await install(temporaryRepository(), '--print')).stdout;
}

/** The lines of all fenced blocks, in order. */
function fencedLines(text: string): readonly string[] {
  return [...text.matchAll(/^```sh\n([\s\S]*?)^```$/gm)].flatMap(([, block = '']) => block.trimEnd().split('\n'));
}

describe('the skill', () => {
  it('has the published form of an Agent Skill', async () => {
    const [, front = '', body = ''] = /^---\n([\s\S]*?)\n---\n([\s\S]*)$/.exec(await printed()) ?? [];
    // Plain one-line scalars: nothing in them that YAML reads as anything else.
    const fields = Object.fromEntries(
      front
        .split('\n')
        .map((line) => /^([a-z-]+): ([^\s'"[{&*!|>%@`#-](?:(?!: | #).)*)$/.exec(line)?.slice(1) ?? [line, '']),
    );
    const allowed = ['name', 'description', 'license', 'compatibility', 'metadata', 'allowed-tools'];
    expect(Object.keys(fields).filter((key) => !allowed.includes(key))).toEqual([]);
    expect(fields['name']).toBe('autoresearch');
    expect(fields['name']).toMatch(/^[a-z0-9]+(?:-[a-z0-9]+)*$/);
    expect(fields['description']?.length).toBeGreaterThan(100);
    expect(fields['description']?.length).toBeLessThanOrEqual(1024);
    expect(fields['description']).toContain('Use it when');
    expect(fields['compatibility']?.length).toBeLessThanOrEqual(500);
    expect(fields['license']).toBe('MIT');
    expect(body.split('\n').length).toBeLessThan(500);
  });

  it('has commands that run as they are written', { timeout: 300_000 }, async () => {
    const repository = temporaryRepository({
      files: {
        'src/parse.js': "export const parse = (text) => text.split(',').map((word) => word.trim());\n// one\n// two\n",
        'bench.mjs':
          "import { readFileSync } from 'node:fs';\nconsole.log('bytes: ' + readFileSync('src/parse.js').length);\n",
      },
    });
    const { HOME, XDG_CACHE_HOME } = placeOf(repository).env;
    const bin = programs(join(dirname(repository.path), 'bin'));
    const env = { ...process.env, HOME, XDG_CACHE_HOME, PATH: `${bin}:${process.env['PATH']}` };
    const lines = fencedLines(await printed());
    expect(lines.length).toBeGreaterThan(12);
    for (const line of lines) {
      if (line.startsWith('# Edit '))
        repository.write('src/parse.js', repository.read('src/parse.js').replace('// one\n', ''));
      const { status, stdout, stderr } = spawnSync('sh', ['-c', line], { cwd: repository.path, env, encoding: 'utf8' });
      const expected = line.startsWith('autoresearch status') ? 3 : 0;
      expect({ line, status, stderr: status === expected ? '' : stderr + stdout }).toEqual({
        line,
        status: expected,
        stderr: '',
      });
      if (line.includes('--json')) expect(JSON.parse(stdout)).toMatchObject({ schemaVersion: expect.any(Number) });
    }
    expect(repository.git('log', '-1', '--format=%s', 'main')).toContain('trim only what is not empty');
    expect(repository.git('log', '--format=%s', 'autoresearch/engineering/parse-size-auto')).toContain(
      'drop a comment',
    );
  });
});

/** `autoresearch` as it is built, and an agent that shortens the target. */
function programs(bin: string): string {
  mkdirSync(bin);
  const result = JSON.stringify({
    type: 'result',
    subtype: 'success',
    is_error: false,
    result: 'DESCRIPTION: drop a comment',
  });
  const scripts = {
    autoresearch: `exec '${process.execPath}' '${CLI}' "$@"`,
    claude: `[ "$1" = --version ] && { echo 2.1.0; exit 0; }\ncat > /dev/null\nsed -i '$d' src/parse.js\necho '${result}'`,
  };
  for (const [name, script] of Object.entries(scripts)) {
    writeFileSync(join(bin, name), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  }
  return bin;
}

describe('skill install', () => {
  it('writes into .agents/skills, and into .claude/skills only where there is .claude', async () => {
    const plain = temporaryRepository();
    expect(await install(plain)).toMatchObject({ code: 0, stdout: `wrote      ${join(plain.path, AGENTS)}\n` });
    expect(plain.git('status', '--porcelain', '-uall')).toBe(`?? ${AGENTS}`);
    const claude = temporaryRepository({ files: { '.claude/settings.json': '{}\n' } });
    expect(await install(claude)).toMatchObject({ code: 0 });
    expect(claude.read(AGENTS)).toBe(claude.read(CLAUDE));
  });

  it('takes a folder, or the home folder', async () => {
    const repository = temporaryRepository();
    const home = placeOf(repository).env.HOME;
    expect((await install(repository, '--dir', 'tools/skills')).code).toBe(0);
    expect(repository.has('tools/skills/autoresearch/SKILL.md')).toBe(true);
    expect((await install(repository, '--user')).code).toBe(0);
    expect(filesBelow(home)).toEqual([AGENTS]);
    expect(await install(repository, '--user', '--dir', 'x')).toMatchObject({ code: 2 });
    const nowhere = { ...placeOf(repository), cwd: temporaryFolder() };
    expect(await autoresearch(nowhere, ['skill', 'install'])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('skill install --user'),
    });
  });

  it('changes nothing the second time, replaces an older version, and leaves an edited file alone without --force', async () => {
    const repository = temporaryRepository();
    await install(repository);
    const installed = repository.read(AGENTS);
    expect((await install(repository)).stdout).toMatch(/^unchanged {2}/);

    const older = installed.replace(/One idea per trial/, 'A single idea per trial');
    repository.write(AGENTS, older);
    expect(await install(repository)).toMatchObject({ code: 2, stderr: expect.stringContaining('--force') });
    expect(repository.read(AGENTS)).toBe(older);
    expect((await install(repository, '--force')).stdout).toMatch(/^replaced /);
    expect(repository.read(AGENTS)).toBe(installed);

    repository.write(AGENTS, sealedAnew(older));
    expect((await install(repository)).stdout).toMatch(/^replaced /);
    repository.write(AGENTS, 'mine\n');
    expect((await install(repository)).code).toBe(2);
  });

  it('writes through no symbolic link', async () => {
    const repository = temporaryRepository();
    repository.write('elsewhere.md', 'mine\n');
    mkdirSync(dirname(join(repository.path, AGENTS)), { recursive: true });
    symlinkSync(join(repository.path, 'elsewhere.md'), join(repository.path, AGENTS));
    expect((await install(repository, '--force')).code).toBe(2);
    expect(readFileSync(join(repository.path, 'elsewhere.md'), 'utf8')).toBe('mine\n');
  });
});

/** As another version would have installed it. */
function sealedAnew(text: string): string {
  const body = text.slice(0, text.lastIndexOf('\n<!--'));
  const hash = createHash('sha256').update(body).digest('hex');
  return `${body}\n<!-- installed by autoresearch 0.0.1, sha256 ${hash} -->\n`;
}
