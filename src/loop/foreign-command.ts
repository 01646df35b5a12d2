import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { EVALUATOR_GRACE_MS } from '../evaluate/command-evaluator.js';
import { baseEnvironment } from '../evaluate/environment.js';
import { runCommand } from '../process/run-command.js';
import type { CommandResult } from '../process/types.js';
import type { TrialRow } from '../store/rows.js';
import { refuseSurvivors } from './command-end.js';
import { RunAborted, type RunContext } from './context.js';
import { measuringSandbox } from './sandbox.js';

/** A command of the operator's that is no evaluator: `setup_cmd`, or a check. */
export interface ForeignCommand {
  readonly kind: 'setup' | 'measurement';
  readonly label: string;
  readonly command: string;
  readonly limitMs: number;
}

interface Place {
  readonly trial: TrialRow;
  readonly spec: ForeignCommand;
  readonly logPath: string;
  readonly ambient: NodeJS.ProcessEnv;
}

/** Runs it once, in the workspace. @throws RunAborted when the run was told to end; AppError conflict for a survivor. */
export async function runForeign(
  context: RunContext,
  { trial, spec, logPath, ambient }: Place,
): Promise<CommandResult> {
  const { state, workspace, name, signal, revision } = context;
  await mkdir(dirname(logPath), { recursive: true });
  const result = await runCommand(
    {
      command: spec.command,
      cwd: workspace.path,
      env: {
        ...baseEnvironment(ambient, state.programs),
        AUTORESEARCH_EXPERIMENT: name,
        AUTORESEARCH_DEFINITIONS_DIR: state.definitions(revision.number),
      },
      logPath,
      hardLimitMs: spec.limitMs,
      graceMs: EVALUATOR_GRACE_MS,
      mark: trial.trace.mark,
      sandbox: await measuringSandbox(context, null),
    },
    signal,
  );
  refuseSurvivors(result);
  if (result.end === 'aborted') throw new RunAborted();
  return result;
}
