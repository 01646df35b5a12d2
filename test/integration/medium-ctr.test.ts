import { spawnSync } from 'node:child_process';
import { chmodSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { EXPERIMENT, TestExperiment } from '../helpers/experiments.js';
import { temporaryFolder } from '../helpers/git.js';

const ROOT = join(import.meta.dirname, '../..');
const NAME = 'marketing/medium-ctr';
const SAMPLE = `.autoresearch.example/${NAME}`;
const ARTICLE = `${SAMPLE}/article.md`;

const read = (path: string) => readFileSync(join(ROOT, path), 'utf8');

/** The sample in a repository of its own, with this very program on PATH. */
function sample(config: (text: string) => string = (text) => text, steps: readonly string[] = []): TestExperiment {
  const names = readdirSync(join(ROOT, SAMPLE));
  const files = Object.fromEntries(names.map((name) => [`${SAMPLE}/${name}`, read(`${SAMPLE}/${name}`)]));
  const experiment = new TestExperiment({
    steps,
    files: { ...files, [`.autoresearch/${NAME}/program.md`]: read(`${SAMPLE}/program.md`) },
  });
  const agent =
    /\[agent\][\s\S]*/.exec(experiment.repository.read(`.autoresearch/${EXPERIMENT}/config.cfg`))?.[0] ?? '';
  experiment.repository.write(
    `.autoresearch/${NAME}/config.cfg`,
    config(read(`${SAMPLE}/config.cfg`)) + (steps.length > 0 ? agent : ''),
  );
  const bin = temporaryFolder();
  const tsx = join(ROOT, 'node_modules/tsx/dist/esm/index.mjs');
  const program = `#!/bin/sh\nexec '${process.execPath}' --import 'file://${tsx}' '${join(ROOT, 'src/cli.ts')}' "$@"\n`;
  writeFileSync(join(bin, 'autoresearch'), program);
  chmodSync(join(bin, 'autoresearch'), 0o755);
  vi.stubEnv('PATH', `${bin}:${process.env['PATH']}`);
  return experiment;
}

const byAgent = (text: string) =>
  `${text.replace('kind = search\nseed = 7', 'kind = agent')}\n[gate]\nkind = single\nprobe = off\nbaseline_runs = 1\n`;

const line = (name: string, text: string) =>
  `sed -i 's/^${name}: .*/${name}: "${text}"/' ${ARTICLE}\necho 'DESCRIPTION: another ${name}'\n`;

describe('the sample marketing/medium-ctr', () => {
  it('keeps what an agent made better, tells it what the judge missed, and lets nobody change the judge', async () => {
    const title = line('title', 'How We Cut Our Build Time From 14 Minutes to 90 Seconds');
    const experiment = sample(byAgent, [
      line('title', 'Building Things'),
      `echo 'console.log("{}")' > ${SAMPLE}/judge.mjs\n${title}`,
      title,
    ]);
    await experiment.run({ name: NAME, maxExperiments: 3 });
    const attempts = experiment.attempts(NAME);
    expect(attempts.map(({ outcome, verdict }) => [outcome, verdict])).toEqual([
      ['measured', 'keep'],
      ['measured', 'discard'],
      ['tampered', 'discard'],
      ['measured', 'keep'],
    ]);
    const [baseline, , , better] = attempts;
    expect(baseline?.metric).toBe(2.4);
    expect(better?.metric).toBeGreaterThan(5);
    expect(better?.feedback).toContain('- emotional_pull, 2 of 10: missing: it speaks to the reader');
    const [measurement] = experiment.read((store) => store.measurementsOf(better?.id ?? 0), NAME);
    expect(measurement?.secondary).toMatchObject({ seo: 10, judge_calls: 1 });
    expect(experiment.prompt(2)).toContain('missing: a number in the title');
  });

  it('tells whoever keeps answers how often the code was measured before', async () => {
    const experiment = new TestExperiment({
      value: 'echo "repeat: $AUTORESEARCH_REPEAT"; echo "score: $((10 + AUTORESEARCH_REPEAT))"',
      config: { 'gate.baseline_runs': 3, 'workspace.warmup_runs': 1 },
      steps: ['true'],
    });
    await experiment.run({ mode: 'single' });
    const repeats = experiment.measurements(0).map(({ side, secondary }) => [side, secondary['repeat']]);
    expect(repeats.slice(0, 4)).toEqual([
      ['warmup', 0],
      ['candidate', 0],
      ['candidate', 1],
      ['candidate', 2],
    ]);
  });

  it('stops before the first trial where its judge is not there, and names it', async () => {
    const experiment = sample((text) => byAgent(text).replace('node .auto', 'no-such-node .auto'), ['true']);
    const { stop } = await experiment.run({ name: NAME, maxExperiments: 1 });
    expect(stop.reason).toBe('baseline_failed');
    expect(stop.detail).toContain('the judge command is not installed');
  });

  it('is complete without a model: a search has enough to choose from', () => {
    const judge = (article: string) => {
      const question = `<document ${'a'.repeat(16)}>\n${article}\n</document ${'a'.repeat(16)}>`;
      const { stdout } = spawnSync('node', [join(ROOT, SAMPLE, 'judge.mjs')], { input: question, encoding: 'utf8' });
      const scores = Object.values(JSON.parse(stdout) as Record<string, { score: number }>).map(({ score }) => score);
      expect(scores.every((score) => score >= 0 && score <= 10)).toBe(true);
      return scores.reduce((sum, score) => sum + score, 0) / scores.length;
    };
    const article = read(ARTICLE);
    const best = article.replace(/^title: "[^"]*"/m, 'title: "9 Lines That Fixed Our Slow Build"');
    expect(judge(best)).toBeGreaterThan(judge(article));
  });
});
