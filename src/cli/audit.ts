import { type Command, InvalidArgumentError, Option } from 'commander';
import type { AuditPart } from '../loop/audit.js';
import { EXPERIMENT_HELP, PATH_HELP } from './inspect.js';
import type { AddCommands, Exit } from './main.js';

/** `audit`: measures what the kept changes are worth today, all together and each by itself. */
export interface AuditCommandOptions {
  readonly experiment?: string;
  readonly pairs: number;
  readonly from?: string;
  readonly only?: AuditPart;
  readonly last?: boolean;
  readonly dryRun?: boolean;
  readonly json?: boolean;
  readonly path?: string;
}

const PARTS: readonly AuditPart[] = ['whole', 'changes'];

export const addAudit: AddCommands = (program: Command, exit: Exit) => {
  program
    .command('audit')
    .description('measure afresh what the kept changes gain, all together and each by itself; decides nothing')
    .option('-e, --experiment <domain/name>', EXPERIMENT_HELP)
    .option('--pairs <count>', 'pairs per comparison where the metric is noisy', pairCount, 20)
    .option('--from <revision>', "count from this commit instead of the baseline's")
    .addOption(new Option('--only <part>', 'one part of it').choices(PARTS))
    .option('--last', 'show the newest audit again, and measure nothing')
    .option('--dry-run', 'say what would be measured and how long it takes')
    .option('--json', 'one JSON document for programs')
    .option('--path <folder>', PATH_HELP)
    .action(async (options: AuditCommandOptions) => {
      const { audit } = await import('./audit-session.js');
      exit.code = await audit(options);
    });
};

/** Two are the fewest that an interval can be made of. */
export function pairCount(text: string): number {
  if (!/^[1-9][0-9]{0,5}$/.test(text) || Number(text) < 2) {
    throw new InvalidArgumentError('It must be a whole number from 2 up.');
  }
  return Number(text);
}
