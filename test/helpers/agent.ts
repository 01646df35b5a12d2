/** A place for an agent to work in, with stand-ins for the agent CLIs first on PATH. */
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { onTestFinished, vi } from 'vitest';
import { ADAPTER_NAMES } from '../../src/model/adapters/types.js';
import { type AgentOptions, AgentProposer, type Delay } from '../../src/propose/agent.js';
import type { Nothing, Proposal, ProposeContext, SettledTrial } from '../../src/propose/types.js';
import { newMark } from './process.js';

const FAKE_AGENT = fileURLToPath(new URL('../fixtures/agents/fake-agent.mjs', import.meta.url));

export function settledTrial(changes: Partial<SettledTrial> = {}): SettledTrial {
  return {
    number: 1,
    verdict: 'discard',
    outcome: 'measured',
    metric: 100,
    description: 'unroll the inner loop',
    reason: '0.2 % worse than the incumbent',
    feedback: null,
    crashTail: null,
    insertions: 3,
    deletions: 1,
    ...changes,
  };
}

export function proposeContext(changes: Partial<ProposeContext> = {}): ProposeContext {
  return {
    workspace: '/nowhere',
    targets: ['src/a.ts'],
    trial: 1,
    experiment: 'engineering/api-speed',
    metric: 'p50_ms',
    direction: 'lower',
    timeBudgetMinutes: 5,
    incumbent: { commit: 'a'.repeat(40), metric: 80, trial: 0 },
    baselineMetric: 100,
    history: [],
    sinceKeep: 0,
    program: 'Make it fast.',
    guidance: '',
    budgetUsd: null,
    nearMisses: [],
    notes: [],
    recordFolder: '/nowhere',
    mark: newMark(),
    onProcess: () => undefined,
    ...changes,
  };
}

interface Given {
  readonly argv: readonly string[];
  readonly stdin: string;
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
}

export class AgentPlace {
  readonly path = mkdtempSync(join(tmpdir(), `agent 'q" $x `));
  readonly workspace = this.#folder('work space');
  readonly recordFolder = this.#folder('record');
  readonly pauses: number[] = [];
  readonly processes: number[] = [];

  constructor() {
    onTestFinished(() => {
      vi.unstubAllEnvs();
      rmSync(this.path, { recursive: true, force: true });
    });
    const bin = this.#folder('bin');
    for (const name of ADAPTER_NAMES) {
      const path = join(bin, name);
      writeFileSync(
        path,
        `#!/bin/sh\n[ "$1" = --version ] && exec echo '${name} 1.2.3 (fake)'\nexec "${process.execPath}" "${FAKE_AGENT}" ${name} "$@"\n`,
      );
      chmodSync(path, 0o755);
    }
    vi.stubEnv('PATH', `${bin}:${process.env['PATH']}`);
    vi.stubEnv('FAKE_AGENT_RECORD', join(this.path, 'given.json'));
  }

  get given(): Given {
    return JSON.parse(readFileSync(join(this.path, 'given.json'), 'utf8'));
  }

  /** `behaviour` is one of those in the fixture. */
  proposer(
    preset: AgentOptions['preset'],
    behaviour: string,
    changes: Partial<AgentOptions> = {},
    now: () => number = Date.now,
  ): AgentProposer {
    vi.stubEnv('FAKE_AGENT', behaviour);
    const command = preset === 'command' ? `"${process.execPath}" "${FAKE_AGENT}" command` : null;
    const delay: Delay = async (ms) => {
      this.pauses.push(ms);
    };
    const options = { preset, command, model: null, timeoutMs: 30_000, idleMs: 20_000, ...changes };
    return new AgentProposer(options, delay, now);
  }

  context(changes: Partial<ProposeContext> = {}): ProposeContext {
    const { workspace, recordFolder } = this;
    const onProcess: ProposeContext['onProcess'] = ({ pid }) => this.processes.push(pid);
    return proposeContext({ workspace, recordFolder, onProcess, ...changes });
  }

  async propose(
    preset: AgentOptions['preset'],
    behaviour: string,
    changes: Partial<AgentOptions> = {},
  ): Promise<Proposal | Nothing> {
    return await this.proposer(preset, behaviour, changes).propose(this.context(), new AbortController().signal);
  }

  #folder(name: string): string {
    const path = join(this.path, name);
    mkdirSync(path);
    return path;
  }
}
