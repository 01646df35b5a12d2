import { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import { candidates } from '../../src/cli/complete.js';

function program(): Command {
  const top = new Command('autoresearch');
  top.command('run').option('-e, --experiment <name>').option('--loop').option('--path <folder>');
  top.command('results').option('--json');
  top.command('secret', { hidden: true });
  const service = top.command('service');
  service.command('install');
  service.command('status');
  return top;
}

const names = async () => ['ml/loss', 'ml/speed', 'web/p50'];
const complete = (...words: string[]) => candidates(program(), words, names);

describe('completion', () => {
  it.each([
    [['re'], ['results']],
    [['service', 'st'], ['status']],
    [
      ['service', ''],
      ['install', 'status', 'help'],
    ],
    [['run', '--lo'], ['--loop']],
    [
      ['run', '--experiment', 'ml/'],
      ['ml/loss', 'ml/speed'],
    ],
    [
      ['run', '--loop', '-e', ''],
      ['ml/loss', 'ml/speed', 'web/p50'],
    ],
    [['run', '--path', ''], []],
    [['run', '--experiment=web'], ['--experiment=web/p50']],
    [['run', '--experiment', '=', 'web'], ['web/p50']],
    [
      ['run', '--experiment', '='],
      ['ml/loss', 'ml/speed', 'web/p50'],
    ],
    [['sec'], []],
    [[], ['run', 'results', 'service', 'help']],
  ])('of %j is %j', async (words, expected) => {
    expect(await complete(...words)).toEqual(expected);
  });
});
