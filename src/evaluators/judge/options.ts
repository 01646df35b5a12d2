/** Who judges: from the flags of the evaluator, else from what the Lab hands over of config.cfg. */
import type { RoleSettings } from '../../model/resolve.js';
import { ROLE_ADAPTERS, readRole } from '../../model/resolve.js';
import type { OptionReader } from '../options.js';
import type { EvaluatorOption } from '../types.js';

/** Written by the Lab from `[judge]` and `[target_model]`. */
const JUDGE_VARIABLE = 'AUTORESEARCH_JUDGE';
const TARGET_MODEL_VARIABLE = 'AUTORESEARCH_TARGET_MODEL';

const MAX_VOTES = 25;
const DEFAULT_VOTES = '3';
const NO_SETTINGS = {
  ...{ model: null, command: null, baseUrl: null, keyEnv: null, script: null, price: null },
  timeoutSeconds: 300,
};

export const JUDGE_OPTIONS: readonly EvaluatorOption[] = [
  {
    flag: '--judge',
    value: '<adapter>',
    help: `Who scores: ${ROLE_ADAPTERS.join(', ')}. Without it: [judge] of the experiment's config.cfg`,
    required: false,
  },
  {
    flag: '--model',
    value: '<name>',
    help: "The judge's model. Without it: the program's own choice",
    required: false,
  },
  {
    flag: '--command',
    value: '<command>',
    help: 'For --judge command: reads the question from stdin and prints the answer, exit code 75 to be asked later',
    required: false,
  },
  {
    flag: '--url',
    value: '<address>',
    help: 'For --judge endpoint: what stands before /chat/completions',
    required: false,
  },
  {
    flag: '--key',
    value: '<variable>',
    help: 'For --judge endpoint: name of the variable with the key',
    required: false,
  },
  { flag: '--script', value: '<file>', help: 'For --judge scripted: a file with replies, for tests', required: false },
  { flag: '--timeout', value: '<seconds>', help: 'How long one answer may take', required: false },
  {
    flag: '--votes',
    value: '<count>',
    help: `How often the judge is asked; scores are the means (default: that of [judge], else ${DEFAULT_VOTES})`,
    required: false,
  },
];

export interface JudgeChoice {
  readonly judge: RoleSettings;
  /** Who works where the judge only judges. */
  readonly targetModel: RoleSettings;
  readonly votes: number;
}

/** @throws AppError usage when nobody is named; config when a variable holds what the Lab would not write. */
export function chooseJudge(read: OptionReader, env: Readonly<Record<string, string>>): JudgeChoice {
  const handed = env[JUDGE_VARIABLE] ?? '';
  const configured = handed === '' ? null : readRole(handed, JUDGE_VARIABLE);
  const judge = withFlags(read, configured);
  const target = env[TARGET_MODEL_VARIABLE] ?? '';
  return {
    judge,
    targetModel: target === '' ? judge : readRole(target, TARGET_MODEL_VARIABLE),
    votes: votesOf(read, configured),
  };
}

function votesOf(read: OptionReader, configured: RoleSettings | null): number {
  if (read.text('votes') !== null) return read.count('votes', { min: 1, max: MAX_VOTES });
  return configured?.votes ?? Number(DEFAULT_VOTES);
}

function withFlags(read: OptionReader, configured: RoleSettings | null): RoleSettings {
  const named = read.text('judge') === null ? null : read.choice('judge', ROLE_ADAPTERS);
  const adapter = named ?? configured?.adapter;
  if (adapter === undefined) {
    throw read.error('nobody is there to judge: give --judge, or add [judge] with adapter = claude to config.cfg');
  }
  // Another program does not know the configured one's model.
  const base = configured?.adapter === adapter ? configured : { ...NO_SETTINGS, votes: null };
  const timeout = read.text('timeout');
  return {
    ...base,
    adapter,
    model: read.text('model') ?? base.model,
    command: read.text('command') ?? base.command,
    baseUrl: read.text('url') ?? base.baseUrl,
    keyEnv: read.text('key') ?? base.keyEnv,
    script: read.text('script') ?? base.script,
    timeoutSeconds: timeout === null ? base.timeoutSeconds : read.count('timeout', { min: 1, max: 86_400 }),
  };
}
