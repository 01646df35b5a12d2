/** Installs and drives an agent of the user's launchd. A stopped agent is loaded again at the next login. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { ToolResult } from '../process/tool.js';
import type { ServiceDefinition, ServiceHomes } from './definition.js';
import { agentLabel, renderAgent } from './launchd-agent.js';
import { managerFailure, type RunManager, type ServiceManager, type ServiceState } from './manager.js';

export class LaunchdManager implements ServiceManager {
  readonly kind = 'launchd';
  readonly path: string;
  readonly title: string;
  readonly #run: RunManager;
  readonly #home: string;
  readonly #domain: string;

  constructor(name: string, { homes, run, uid }: { homes: ServiceHomes; run: RunManager; uid: number }) {
    this.title = agentLabel(name);
    this.path = join(homes.home, 'Library', 'LaunchAgents', `${this.title}.plist`);
    this.#run = run;
    this.#home = homes.home;
    this.#domain = `gui/${uid}`;
  }

  get #target(): string {
    return `${this.#domain}/${this.title}`;
  }

  render(definition: ServiceDefinition): string {
    const hasEnvironmentFile = existsSync(definition.files.environment);
    return renderAgent(definition, { label: this.title, home: this.#home, hasEnvironmentFile });
  }

  async enable(): Promise<void> {
    await this.#launchctl('enable', this.#target);
  }

  /** What is loaded keeps the list it was loaded from, so a restart loads anew. */
  async start(): Promise<void> {
    if (await this.#isLoaded()) await this.#launchctl('kickstart', this.#target);
    else await this.#launchctl('bootstrap', this.#domain, this.path);
  }

  async restart(): Promise<void> {
    await this.stop();
    await this.start();
  }

  async stop(): Promise<void> {
    if (await this.#isLoaded()) await this.#launchctl('bootout', this.#target);
  }

  async remove(removeFile: () => void): Promise<void> {
    await this.stop();
    removeFile();
  }

  async state(): Promise<ServiceState> {
    const result = await this.#ask('print', this.#target);
    const text = result.stdout.toString('utf8');
    const value = (name: string) => new RegExp(`^\\s*${name} = (.*)$`, 'm').exec(text)?.[1]?.trim() ?? null;
    const pid = value('pid');
    const exitCode = value('last exit code');
    return {
      activity: result.exitCode === 0 && value('state') === 'running' ? 'running' : 'stopped',
      pid: pid === null ? null : Number(pid),
      exitCode: exitCode !== null && /^\d+$/.test(exitCode) ? Number(exitCode) : null,
      restarts: null,
      text: '',
      enabled: null,
    };
  }

  async #isLoaded(): Promise<boolean> {
    return (await this.#ask('print', this.#target)).exitCode === 0;
  }

  #ask(...args: string[]): Promise<ToolResult> {
    return this.#run(['launchctl', ...args]);
  }

  async #launchctl(...args: string[]): Promise<void> {
    const result = await this.#ask(...args);
    if (result.exitCode !== 0) throw managerFailure(['launchctl', ...args], result);
  }
}
