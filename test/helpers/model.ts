/** Calls of stand-ins for the agent command lines, without a proposer around them. */
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';
import { commandAdapter } from '../../src/model/adapters/command.js';
import { ADAPTERS } from '../../src/model/adapters/index.js';
import { ADAPTER_NAMES, type AdapterName } from '../../src/model/adapters/types.js';
import type { CallPlace, Cli } from '../../src/model/call.js';
import { runCli } from '../../src/model/runner.js';
import type { ModelReply, ModelRequest } from '../../src/model/types.js';
import { newMark } from './process.js';

const FAKE_AGENT = fileURLToPath(new URL('../fixtures/agents/fake-agent.mjs', import.meta.url));

export type Preset = AdapterName | 'command';

interface CallOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly request?: Partial<ModelRequest>;
  readonly place?: Partial<CallPlace>;
  readonly cli?: Partial<Cli>;
  readonly signal?: AbortSignal;
}

/** A folder with the stand-ins in `bin`, a folder to edit and one for records. */
export class ModelPlace {
  readonly path = mkdtempSync(join(tmpdir(), `model 'q" $x `));
  readonly workspace = this.#folder('work');
  readonly bin = this.#folder('bin');
  #count = 0;

  constructor() {
    onTestFinished(() => rmSync(this.path, { recursive: true, force: true }));
    for (const name of ADAPTER_NAMES) {
      const path = join(this.bin, name);
      writeFileSync(
        path,
        `#!/bin/sh\n[ "$1" = --version ] && exec echo '${name} 1.2.3 (fake)'\nexec "${process.execPath}" "${FAKE_AGENT}" ${name} "$@"\n`,
      );
      chmodSync(path, 0o755);
    }
  }

  get given(): { argv: string[]; stdin: string; env: Record<string, string>; cwd: string } {
    return JSON.parse(readFileSync(join(this.path, 'given.json'), 'utf8'));
  }

  /** @param behaviour is one of those in the fixture. */
  async call(preset: Preset, behaviour: string, options: CallOptions = {}): Promise<ModelReply> {
    this.#count += 1;
    const env = { FAKE_AGENT: behaviour, FAKE_AGENT_RECORD: join(this.path, 'given.json'), ...options.env };
    const adapter =
      preset === 'command' ? commandAdapter(`"${process.execPath}" "${FAKE_AGENT}" command`) : ADAPTERS[preset];
    const cli: Cli = {
      ...{ adapter, model: null, extraArgs: [], allow: Object.keys(env), prices: new Map() },
      ...options.cli,
    };
    const request: ModelRequest = {
      ...{ stage: 'test', mode: 'edit', prompt: 'Do it.', cwd: this.workspace, timeoutMs: 20_000 },
      ...options.request,
    };
    const place: CallPlace = {
      recordPath: join(this.path, `call-${this.#count}`),
      mark: newMark(),
      ambient: { ...process.env, PATH: `${this.bin}:${process.env['PATH']}`, ...env },
      now: Date.now,
      ...options.place,
    };
    return await runCli(cli, request, { place, signal: options.signal ?? new AbortController().signal });
  }

  #folder(name: string): string {
    const path = join(this.path, name);
    mkdirSync(path);
    return path;
  }
}
