import { describe, expect, it } from 'vitest';
import { type InitFlags, parseAgent, readFlags } from '../../src/cli/init-flags.js';
import { appErrorOf } from '../helpers/config.js';

const read = (flags: Partial<InitFlags>, evaluatorOptions: readonly string[] = []) =>
  readFlags({ scope: 'project', measure: true, ...flags }, evaluatorOptions);

describe('the flags of init', () => {
  it('stay missing when nothing is given', () => {
    const { branch, ...rest } = read({});
    expect(branch).toBe(true);
    expect(Object.values(rest).every((value) => value === null)).toBe(true);
  });

  it.each([
    ['lower', 'lower'],
    ['Higher', 'higher'],
    ['min', 'lower'],
    ['MAXIMIZE', 'higher'],
  ])('direction %s means %s', (word, direction) => {
    expect(read({ direction: word }).direction).toBe(direction);
  });

  it('read the name in one or two parts', () => {
    expect(read({ experiment: 'marketing/subject-lines' })).toMatchObject({
      domain: 'marketing',
      name: 'subject-lines',
    });
    expect(read({ name: 'api-speed' })).toMatchObject({ domain: null, name: 'api-speed' });
  });

  it('tell an agent from a command', () => {
    expect(parseAgent(' codex ')).toEqual({ preset: 'codex', command: null });
    expect(parseAgent('codex exec --full-auto')).toEqual({ preset: 'command', command: 'codex exec --full-auto' });
    expect(read({ agent: 'claude' }).proposer).toBe('agent');
  });

  it.each<[string, Partial<InitFlags>, RegExp]>([
    ['a bad name', { name: 'Api Speed' }, /"Api Speed" cannot be part of an experiment name/],
    ['a bad domain', { domain: '../x' }, /experiment name/],
    ['a name that is no branch', { name: 'a..b' }, /git refuses it/],
    ['both spellings', { name: 'a', experiment: 'a/b' }, /without --domain and --name/],
    ['a bad direction', { direction: 'lowr' }, /--direction "lowr" .*did you mean lower\?/],
    ['a bad metric', { metric: 'p50 ms' }, /--metric "p50 ms" is not allowed/],
    ['a bad budget', { timeBudget: '5m' }, /--time-budget "5m" is not a plain number/],
    ['a budget of nothing', { timeBudget: '0' }, /--time-budget "0" is out of range/],
    ['an empty command', { eval: ' ' }, /--eval "" is empty/],
    ['an empty target', { target: ' , ' }, /--target .* is empty/],
    ['a target outside', { target: 'a, ../x' }, /names \.\.\/x, which leads out of the repository/],
    ['an absolute target', { target: '/etc/passwd' }, /is not relative to the repository/],
    ['a target inside .git', { target: '.git/config' }, /is inside \.git/],
    ['a link outside', { link: '~/x' }, /--link .* is not relative/],
    ['an empty agent', { agent: ' ' }, /--agent is empty/],
    ['an agent for another proposer', { agent: 'claude', proposer: 'search' }, /--agent goes with --proposer agent/],
    ['terminal codes in a value', { metric: 'a\u001b[31mb\u0007' }, /^--metric "ab" is not allowed$/],
  ])('refuse %s', (_, flags, message) => {
    const error = appErrorOf(() => read(flags));
    expect(error.message).toMatch(message);
    expect(error.exitCode).toBe(2);
  });
});

describe('a built-in evaluator', () => {
  it('brings its command line, its metric and its direction', () => {
    const given = read({ evaluator: 'benchmark_speed', eval: "node 'a b.js'" }, ['--runs', '3', '--warmup=0']);
    const command = "autoresearch evaluate benchmark_speed --command 'node '\\''a b.js'\\''' --runs 3 --warmup=0";
    expect(given).toMatchObject({ evaluateCmd: command, metric: 'p50_ms', direction: 'lower' });
    const size = read({ evaluator: 'benchmark_size' }, ['--path', 'dist', '--gzip']);
    expect(size.evaluateCmd).toBe('autoresearch evaluate benchmark_size --path dist --gzip');
  });

  it('says no direction for another of its metrics', () => {
    const given = read({ evaluator: 'test_pass_rate', eval: 'npm test', metric: 'failed' });
    expect(given).toMatchObject({ metric: 'failed', direction: null });
  });

  it.each<[string, Partial<InitFlags>, readonly string[], RegExp]>([
    ['without a name', {}, ['--runs', '3'], /"--runs" is not expected here/],
    ['that is unknown', { evaluator: 'benchmark_sped' }, [], /did you mean benchmark_speed\?/],
    ['without its command', { evaluator: 'memory_usage' }, [], /memory_usage needs --command <command>/],
    ['without anything', { evaluator: 'benchmark_size' }, [], /needs to be told what to measure/],
    ['with a command it has not', { evaluator: 'benchmark_size', eval: 'make' }, [], /takes no command in --eval/],
    ['with a wrong option', { evaluator: 'build_speed', eval: 'make' }, ['--run', '3'], /did you mean --runs\?/],
    ['with half an option', { evaluator: 'build_speed', eval: 'make' }, ['--runs'], /--runs .* needs a value/],
    ['with an option twice', { evaluator: 'build_speed', eval: 'make' }, ['--command', 'x'], /is given twice/],
    ['with a stray word', { evaluator: 'build_speed', eval: 'make' }, ['fast'], /has no option "fast"/],
  ])('is refused %s, with an example', (_, flags, options, message) => {
    const error = appErrorOf(() => read(flags, options));
    expect(error.message).toMatch(message);
    expect(error.exitCode).toBe(2);
    expect(error.hint).toMatch(/autoresearch init/);
  });
});
